import Core
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

/// Answers that are allowed, or half of one, and come seldom.
@Suite(.timeLimit(.minutes(5))) struct `A store that answers oddly` {
    private func key(_ path: String) throws -> BlobKey { try #require(BlobKey(path)) }

    @Test(arguments: ["", "<NextContinuationToken>same</NextContinuationToken>"])
    func `is away when its list breaks off, and not a store with fewer keys`(_ token: String) async throws {
        let scripted = try ScriptedStore { _, _ in
            .init(
                body: """
                    <ListBucketResult><IsTruncated>true</IsTruncated>\(token)\
                    <Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>
                    """)
        }
        let store = try scripted.store()
        let failure = await #expect(throws: BlobFailure.self) {
            try await store.list(prefix: "", after: nil, limit: 1000)
        }
        #expect(failure?.kind == .away)
    }

    @Test(arguments: ["", "<NextKeyMarker>same</NextKeyMarker>"])
    func `ends a sweep when its list of unfinished uploads does not go on`(_ marker: String) async throws {
        let scripted = try ScriptedStore { _, _ in
            .init(
                body: """
                    <ListMultipartUploadsResult><IsTruncated>true</IsTruncated>\(marker)</ListMultipartUploadsResult>
                    """)
        }
        let store = try scripted.store()
        let failure = await #expect(throws: BlobFailure.self) { try await store.sweepMultiparts() }
        #expect(failure?.kind == .away)
    }

    @Test(arguments: ["-1", "-9223372036854775808", "9223372036854775807", "9223372036854775808", "+5", "many", ""])
    func `has no size that is not one`(_ size: String) async throws {
        let scripted = try ScriptedStore { _, target in
            if target.contains("list-type") {
                return .init(
                    body: """
                        <ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>\(size)</Size></Contents>\
                        <Contents><Key>b</Key><Size>5</Size></Contents></ListBucketResult>
                        """)
            }
            return .init(
                status: 206, fields: [("ETag", "\"e\""), ("Content-Range", "bytes 0-4/\(size)")], body: "hello")
        }
        let store = try scripted.store()
        await #expect(throws: BlobFailure.self) { _ = try await store.read(key("a"), range: nil) }
        await #expect(throws: BlobFailure.self) { _ = try await store.read(key("a"), range: 0..<5) }
        #expect(try await store.list(prefix: "", after: nil, limit: 1000).map(\.key.path) == ["b"])
    }

    @Test func `is read from its start again though it sends the whole where all of it was asked for`() async throws {
        let text = String(repeating: "sluice", count: 5000)
        let count = Mutex(0)
        let scripted = try ScriptedStore { _, _ in
            let number = count.withLock { count in
                count += 1
                return count
            }
            // The first is cut before its first byte.
            return .init(fields: [("ETag", "\"e\"")], body: number == 1 ? "" : text, length: text.utf8.count)
        }
        let reader = try await scripted.store().read(key("a"), range: nil)
        var bytes: [UInt8] = []
        while true {
            let piece = try await reader.next()
            if piece.isEmpty { break }
            bytes += piece
        }
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    /// AWS dates an object by the beginning of its upload. The answer to completing was lost: its repetition finds no upload.
    @Test(arguments: [("10:02:06", true), ("10:02:09", true), ("09:58:00", false)])
    func `has put a file together when what is there is as old as its upload`(
        _ clock: String, _ isOurs: Bool
    ) async throws {
        let begun = Mutex(0)
        let scripted = try ScriptedStore { method, target in
            if method == "POST", target.contains("uploads=") {
                begun.withLock { $0 += 1 }
                return .init(
                    fields: [("Date", "Sat, 21 Nov 2026 10:02:07 GMT")],
                    body: "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
            }
            if method == "PUT" { return .init(fields: [("ETag", "\"e\"")]) }
            if method == "POST" { return .init(status: 404, body: "<Error><Code>NoSuchUpload</Code></Error>") }
            if method == "HEAD" {
                return .init(fields: [("Last-Modified", "Sat, 21 Nov 2026 \(clock) GMT")], length: 6 << 20)
            }
            return .init(status: 204)
        }
        try await withTemporaryFolder { folder in
            let file = try FileDescriptor.creating(folder + "/a")
            try file.truncate(to: 6 << 20)
            let store = try scripted.store()
            if isOurs {
                try await store.put(file: file, at: key("a"))
            } else {
                await #expect(throws: BlobFailure.self) { try await store.put(file: file, at: key("a")) }
            }
        }
        #expect(begun.withLock { $0 } == (isOurs ? 1 : 2))
    }

    @Test func `keeps no other upload from being swept by refusing to abort some`() async throws {
        let scripted = try ScriptedStore { method, target in
            if method == "GET" { return .init(status: 501) }
            return target.contains("/stuck") ? .init(status: 403) : .init(status: 204)
        }
        let journal = MemoryMultipartJournal(time: SystemTime())
        let names = (0..<105).map { "stuck\($0)" } + (0..<15).map { "left\($0)" }
        for name in names { try await journal.begin(UnfinishedMultipart(key: key(name), uploadID: "u")) }
        let store = try scripted.store(journal: journal)
        let failure = await #expect(throws: BlobFailure.self) { try await store.sweepMultiparts(named: .seconds(-60)) }
        #expect(failure?.cause == .noPermission)
        let rest = try await journal.unfinished(before: SystemTime().now + .seconds(9), limit: 1000)
        #expect(rest.map(\.key.path) == Array(names.prefix(105)))
    }
}
