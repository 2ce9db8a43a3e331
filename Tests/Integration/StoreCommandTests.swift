import Core
import Platform
import Storage
import TestSupport
import Testing

/// `sluice store` as people use it.
@Suite(.timeLimit(.minutes(5)))
struct StoreCommandTests {
    private func sluice(_ folder: String, _ settings: [String: String], _ arguments: String...) async throws
        -> Tool.Result
    {
        try await Tool.run(
            ServerProcess.program, arguments,
            environment: settings.merging(["SLUICE_DATA": folder + "/data"]) { $1 }, folder: folder)
    }

    @Test(arguments: S3TestServer.Kind.allCases)
    func `folders go there and back, byte for byte`(kind: S3TestServer.Kind) async throws {
        let s3 = try await S3TestServer.shared(kind)
        let bucket = try await s3.bucket()
        let settings = BucketTests.settings(s3, bucket)
        try await withTemporaryFolder { folder in
            // One of them is longer than a part.
            let files = ["a.bin": 9_000_000, "sub/b.bin": 1000, "sub/deeper/empty.bin": 0]
            for (name, count) in files {
                try Files.makeFolder(folder + "/from/sub/deeper")
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 9) }
                try Files.writeAtomically(bytes, to: "\(folder)/from/\(name)")
            }
            let there = try await sluice(
                folder, settings, "store", "cp", "from", "s3://\(bucket)/copy/", "--concurrency", "2")
            #expect(there.end == .exited(0), "\(there.error)")
            #expect(there.error.contains("Copied 3 of 3 files, 9.0 MB"))
            let listed = try await sluice(folder, settings, "store", "ls", "s3://\(bucket)/copy/")
            #expect(listed.text.split(separator: "\n").count == 3)
            #expect(listed.text.contains("     9000000  s3://\(bucket)/copy/a.bin\n"), "\(listed.text)")
            let back = try await sluice(folder, settings, "store", "cp", "s3://\(bucket)/copy/", "back", "--quiet")
            #expect(back.end == .exited(0) && back.error.isEmpty, "\(back.error)")
            try await Tool.must("diff", ["-r", folder + "/from", folder + "/back"])
            let cat = try await sluice(folder, settings, "store", "cat", "s3://\(bucket)/copy/sub/b.bin")
            #expect(cat.output == (try Files.readWhole(folder + "/from/sub/b.bin", limit: 10_000)))
            let here = try await sluice(folder, settings, "store", "cp", "s3://\(bucket)/copy/a.bin", "file:kept/")
            #expect(here.end == .exited(0), "\(here.error)")
            #expect(try Files.size(folder + "/data/blobs/objects/kept/a.bin") == 9_000_000)
        }
    }

    @Test func `a file that was copied into the store does not change with its source`() async throws {
        try await withTemporaryFolder { folder in
            try Files.writeAtomically(Array("first".utf8), to: folder + "/note")
            #expect(try await sluice(folder, [:], "store", "cp", "note", "file:note").end == .exited(0))
            try FileDescriptor.readingAndWriting(folder + "/note").write(Array("later".utf8), at: 0)
            #expect(try await sluice(folder, [:], "store", "cat", "file:note").text == "first")
        }
    }

    @Test func `what is not understood, or not there, says what to do`() async throws {
        try await withTemporaryFolder { folder in
            let both = try await sluice(folder, [:], "store", "cp", "a", "b")
            #expect(both.end == .exited(2) && both.error.contains("s3://bucket/key or file:key"))
            let none = try await sluice(folder, [:], "store", "cat", "file:none")
            #expect(none.end == .exited(1) && none.error.contains("there is nothing at none"), "\(none.error)")
            #expect(try await sluice(folder, [:], "store", "mv").end == .exited(2))
            #expect(try await sluice(folder, [:], "store", "ls").end == .exited(0), "an empty store is no failure")
        }
    }
}
