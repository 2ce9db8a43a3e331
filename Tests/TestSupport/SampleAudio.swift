/// The files of samples/audio/make.sh, made once and kept in its folder.
package enum SampleAudio {
    private static let made = Task { () async throws -> String in
        // Nobody cancels it: every test that wants a file awaits this one run.
        try await Tool.must(Tool.root + "/samples/audio/make.sh", [], limit: .seconds(300)).text
            .split(separator: "\n").last.map(String.init) ?? ""
    }

    package static func file(_ name: String) async throws -> String {
        "\(try await made.value)/\(name)"
    }

    /// Sample frames that ffmpeg decodes out of a file or a playlist.
    package static func frames(_ source: String, channels: Int = 2) async throws -> Int {
        let result = try await Tool.must(
            "ffmpeg",
            ["-v", "error", "-nostdin", "-i", source, "-map", "0:a:0", "-f", "s16le", "-ac", String(channels), "-"])
        guard result.error.isEmpty else { throw TestTrouble("ffmpeg complained of \(source): \(result.error)") }
        return result.output.count / (2 * channels)
    }
}
