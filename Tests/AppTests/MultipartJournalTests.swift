import Core
import Ledger
import Platform
import Storage
import TestSupport
import Testing

@testable import App

@Suite(.timeLimit(.minutes(5))) struct `Uploads in parts that nobody ended` {
    @Test(arguments: S3TestServer.Kind.allCases)
    func `are in the ledger, and aborted by the next start of the node that began them`(kind: S3TestServer.Kind)
        async throws
    {
        let server = try await S3TestServer.shared(kind)
        let bucket = try await server.bucket()
        // Part 2 is refused for good, and so is every word after it, as if the process had ended there.
        let proxy = try FaultProxy(before: server.port) { request in
            let isOver = request.target.contains("partNumber=2") || request.method == "DELETE"
            return isOver ? .answer(status: 400, body: "<Error><Code>InvalidRequest</Code></Error>") : .none
        }
        try await withTemporaryFolder { folder in
            let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"))
            let name = "s3://\(bucket)/music"
            func journal(_ node: String, isOwnOnly: Bool = false) -> LedgerMultipartJournal {
                LedgerMultipartJournal(
                    ledger: ledger, store: name, node: NodeID(checked: node), isOwnOnly: isOwnOnly)
            }
            let file = try FileDescriptor.creating(folder + "/file")
            try file.truncate(to: 11 << 20)
            let key = try #require(BlobKey("tracks/user%401/trk_1/up_1.flac"))
            let broken = try server.store(bucket, prefix: "music", port: proxy.port, journal: journal("node_1"))
            await #expect(throws: BlobFailure.self) { try await broken.put(file: file, at: key) }
            let rows = try await journal("node_1").unfinished(before: SystemTime().now + .seconds(60), limit: 9)
            #expect(rows.map(\.key) == [key])
            #expect(try await journal("node_1").holds(rows) == Set(rows))

            func sweep(_ node: String) async throws -> Int {
                try await server.store(bucket, prefix: "music", journal: journal(node, isOwnOnly: true))
                    .sweepMultiparts(named: .seconds(-60), unnamed: .seconds(6 * 3600))
            }
            #expect(try await sweep("node_2") == 0, "another node leaves it alone")
            #expect(try await sweep("node_1") == 1)
            #expect(try await journal("node_1").holds(rows).isEmpty)
            #expect(try await server.store(bucket, prefix: "music").sweepMultiparts(unnamed: .seconds(-60)) == 0)
            await ledger.close()
        }
    }
    /// For moto every upload was begun in 2010.
    @Test func `are left alone where they are another program's, or another Sluice's`() async throws {
        let server = try await S3TestServer.shared(.moto)
        let bucket = try await server.bucket()
        // The store begins each, and its answer is lost: no journal knows them.
        let proxy = try FaultProxy(before: server.port) { $0.target.hasSuffix("uploads=") ? .lose : .none }
        try await withTemporaryFolder { folder in
            let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"))
            let row = TrackRow(
                id: TrackID(checked: "trk_a"), tenant: TenantID(checked: "label"), owner: UserID(checked: "user@1"),
                uploadID: UploadID(checked: "up_1"), title: "t", createdAt: Timestamp(seconds: 1))
            try await ledger.write("test") { tx in try tx.tracks.insert(row) }
            let file = try FileDescriptor.creating(folder + "/file")
            try file.truncate(to: 6 << 20)
            let losing = try server.store(bucket, port: proxy.port) { $0.retries.tries = 1 }
            let paths = [
                "backups/db.tar", "tracks/u/trk_a/up_1.flac", "tracks/u/trk_b/up_1.flac",
                "hls/trk_b/gen_1/aac/init.mp4",
            ]
            for path in paths {
                let key = try #require(BlobKey(path))
                await #expect(throws: BlobFailure.self) { try await losing.put(file: file, at: key) }
            }
            let journal = LedgerMultipartJournal(
                ledger: ledger, store: "s3://\(bucket)", node: NodeID(checked: "node_1"))
            #expect(try await server.store(bucket, journal: journal).sweepMultiparts() == 1)
            let mine = try #require(BlobKey("tracks/u/trk_a/up_1.flac"))
            let left = MemoryMultipartJournal(time: SystemTime()) { $0 != mine }
            #expect(try await server.store(bucket, journal: left).sweepMultiparts() == 3, "theirs are all there still")
            await ledger.close()
        }
    }
}
