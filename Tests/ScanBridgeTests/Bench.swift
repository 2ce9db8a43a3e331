import Core
import Foundation
import Platform
import ScanBridge
import Testing

/// The real scanner in a folder of its own, for as long as a test lasts.
struct Bench {
    let folder: String
    let configuration: ScanConfiguration

    static let program: String = {
        // The test program lies beside the others that were built with it.
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("sluice-scan").path
    }()

    static func with<T>(
        _ change: (inout ScanConfiguration) -> Void = { _ in }, time: any TimeSource = SystemTime(),
        _ body: (Bench, ScanService) async throws -> T
    ) async throws -> T {
        let folder = NSTemporaryDirectory() + "scan-test-\(UUID().uuidString)"
        try Files.makeFolder(folder)
        var configuration = ScanConfiguration(program: program, workers: 2, scratch: folder + "/scratch")
        change(&configuration)
        let bench = Bench(folder: folder, configuration: configuration)
        let service = ScanService(configuration, time: time)
        let result: Result<T, any Error>
        do { result = .success(try await body(bench, service)) } catch { result = .failure(error) }
        await service.stop()
        try Files.removeTree(folder)
        return try result.get()
    }

    static func scanning<T>(
        _ change: (inout ScanConfiguration) -> Void = { _ in }, time: any TimeSource = SystemTime(),
        _ body: (Bench, ScanService) async throws -> T
    ) async throws -> T {
        try await with(change, time: time) { bench, service in
            _ = try await service.start()
            return try await body(bench, service)
        }
    }

    func file(_ bytes: [UInt8]) throws -> FileDescriptor {
        let file = try FileDescriptor.unnamed(in: folder)
        try file.write(bytes, at: 0)
        return file
    }

    func verdict(on bytes: [UInt8], _ service: ScanService) async throws -> Verdict {
        let file = try file(bytes)
        return try await service.scan(file, size: Int64(bytes.count))
    }
}

enum Sample {
    /// Kept in two pieces, so that no scanner takes this program for infected.
    static let eicar =
        Array(#"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-"#.utf8) + Array("ANTIVIRUS-TEST-FILE!$H+H*".utf8)

    static func noise(_ count: Int, seed: UInt64 = 0x9e37_79b9_7f4a_7c15) -> [UInt8] {
        var state = seed
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            for index in 0..<count {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                buffer[index] = UInt8(truncatingIfNeeded: state >> 24)
            }
            written = count
        }
    }

    /// Frames of 128 kbit/s at 44.1 kHz, as many encoders write: libclamav's own table leaves such files unread.
    static let mp3: [UInt8] = Array(
        repeatElement([0xff, 0xfb, 0x90, 0x64] + [UInt8](repeating: 0, count: 413), count: 100).joined())

    static let taggedMP3: [UInt8] = {
        let text = eicar + [UInt8](repeating: 0x20, count: 188)
        let content: [UInt8] = [0, 0x78, 0] + text
        let size = UInt8(content.count >> 8)
        let frame = Array("TXXX".utf8) + [0, 0, size, UInt8(content.count & 255), 0, 0] + content
        return Array("ID3".utf8) + [3, 0, 0, 0, 0, UInt8(frame.count >> 7), UInt8(frame.count & 127)] + frame + mp3
    }()

    static let flac = Array("fLaC".utf8) + [0x80, 0, 0, 0x22] + [UInt8](repeating: 0, count: 34) + noise(400_000)
    static let ogg = Array("OggS".utf8) + [0, 2] + noise(300_000)
    static let wav: [UInt8] = {
        let data = noise(200_000)
        func little(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
        let format: [UInt8] = [1, 0, 2, 0] + little(44100) + little(176_400) + [4, 0, 16, 0]
        return Array("RIFF".utf8) + little(data.count + 36) + Array("WAVEfmt ".utf8) + little(16) + format
            + Array("data".utf8) + little(data.count) + data
    }()
    static let m4a: [UInt8] =
        [0, 0, 0, 0x18] + Array("ftypM4A ".utf8) + [0, 0, 0, 0] + Array("M4A mp42".utf8) + [0, 3, 0, 8]
        + Array("mdat".utf8) + noise(196_608 - 8)

    static let sounds: [(name: String, bytes: [UInt8])] = [
        ("MP3", mp3), ("FLAC", flac), ("Ogg", ogg), ("WAV", wav), ("M4A", m4a),
    ]

    /// A local header of an entry that is encrypted, which nobody can look into.
    static let encryptedZIP: [UInt8] =
        [0x50, 0x4b, 3, 4, 20, 0, 1, 0, 8, 0, 0, 0, 0x21, 0, 1, 2, 3, 4, 40, 0, 0, 0, 68, 0, 0, 0, 1, 0, 0, 0, 0x61]
        + noise(40)

    /// `gzip` of "sluice " twelve times.
    static let gzip: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2b, 0xce, 0x29, 0xcd, 0x4c, 0x4e,
        0x55, 0x28, 0xa6, 0x26, 0x05, 0x00, 0xde, 0x4f, 0x74, 0x66, 0x54, 0x00, 0x00, 0x00,
    ]
}

extension Bench {
    /// The scanner and its children, as /proc tells of them; the scanner is the one whose parent this process is.
    func processes() throws -> (scanner: Int32?, children: [Int32]) {
        var scanner: Int32?
        var children: [Int32] = []
        for entry in try Files.list("/proc") {
            // Any of them may end between the listing and the reading.
            guard let process = Int32(entry),
                let command = try? Files.readWhole("/proc/\(process)/cmdline", limit: 65_536),
                String(decoding: command, as: UTF8.self).contains(configuration.scratch + "/"),
                let status = try? Files.readWhole("/proc/\(process)/stat", limit: 4096)
            else { continue }
            let words = String(decoding: status, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
            guard words.count > 1, words[0] != "Z" else { continue }
            if Int32(words[1]) == getpid() { scanner = process } else { children.append(process) }
        }
        return (scanner, children)
    }
}
