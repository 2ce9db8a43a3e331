import Core
import Platform

/// Files to try the service with, made on the spot.
enum Sample {
    static func song() async throws -> String {
        let tones = [220, 277, 330, 440].map {
            "0.12*sin(2*PI*(\($0)+6*sin(0.7*t))*t)*(0.6+0.4*sin(2*PI*t/\($0 / 55)))"
        }
        let left = tones.joined(separator: "+")
        let right = left + "+0.05*sin(2*PI*554*t)*sin(2*PI*t/3)"
        return try await make(
            "sample.flac", ["-f", "lavfi", "-i", "aevalsrc=\(left)|\(right):s=44100:d=30", "-c:a", "flac"])
    }

    /// The harmless test virus of the antivirus industry, inside the text tag of an MP3. Put together here, so that no
    /// scanner takes this program for it.
    static func infected() async throws -> String {
        let path = try await make(
            "infected.mp3", ["-f", "lavfi", "-i", "sine=440:d=3", "-c:a", "libmp3lame", "-id3v2_version", "0"])
        let frames = try Files.readWhole(path, limit: 1 << 20)
        let test = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-" + "TEST-FILE!$H+H*"
        let text = [UInt8]([0, 0x78, 0]) + Array(test.utf8) + [UInt8](repeating: 0x20, count: 64)
        let frame = Array("TXXX".utf8) + [0, 0, 0, UInt8(text.count)] + [0, 0] + text
        let tag = Array("ID3".utf8) + [3, 0, 0, 0, 0, UInt8(frame.count >> 7), UInt8(frame.count & 127)] + frame
        try Files.writeAtomically(tag + frames, to: path, mode: 0o644)
        return path
    }

    private static func make(_ name: String, _ arguments: [String]) async throws -> String {
        let folder = "/tmp/sluice-samples-\(randomBase62(8))"
        try Files.makeFolder(folder)
        let path = folder + "/" + name
        let child = try ChildProcess.spawn(
            ProcessSpec(program: "/usr/bin/ffmpeg", arguments: ["-v", "error", "-y"] + arguments + [path]))
        guard await child.wait(deadline: .seconds(60)) == .exited(0) else {
            throw Complaint("cannot make the sample", why: child.errorText, remedy: "sudo apt install ffmpeg")
        }
        return path
    }
}
