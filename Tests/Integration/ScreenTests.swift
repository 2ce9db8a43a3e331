import TestSupport
import Testing

/// What a person reads in a terminal.
@Suite(.timeLimit(.minutes(5))) struct `A screen` {
    /// The input is what follows `sluice`.
    @Test func `is as the golden files have it`() async throws {
        let files = try GoldenFile.all(in: "screens")
        #expect(files.count >= 10)
        for file in files {
            let words = file.input.split(separator: " ").map(String.init)
            let result = try await withTemporaryFolder { folder in
                try await Tool.run(ServerProcess.program, words, folder: folder)
            }
            let output = result.text + result.error
            try file.check("\(output)\(result.end)\n")
            if words.contains("--help") {
                #expect(output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(file)")
            }
        }
    }
}
