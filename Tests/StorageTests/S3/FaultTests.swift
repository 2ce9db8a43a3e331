import Core
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

/// Everything a network or a store may do to a request: each operation ends right, or fails by its deadline.
@Suite(.serialized, .timeLimit(.minutes(5))) struct `A store behind a bad line` {
    private static let small = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 7) }

    private func key(_ path: String) throws -> BlobKey { try #require(BlobKey(path)) }

    /// Deadlines that a test can wait for, and that the store meets on a busy machine too.
    private static func hasty(_ configuration: inout S3Configuration) {
        configuration.deadlines = .init(
            connect: .seconds(60), firstByte: .milliseconds(1500), stall: .milliseconds(1500), whole: .seconds(240))
    }

    /// Only silence must be waited for: a busy machine may take its time with everything else.
    private static func waiting(for fault: FaultProxy.Fault) -> (inout S3Configuration) -> Void {
        { configuration in
            if fault == .silence { hasty(&configuration) } else { configuration.deadlines.whole = .seconds(240) }
        }
    }

    private func whole(_ store: S3BlobStore, _ key: BlobKey) async throws -> [UInt8] {
        let reader = try await store.read(key, range: nil)
        var bytes: [UInt8] = []
        while true {
            let piece = try await reader.next()
            if piece.isEmpty { return bytes }
            bytes += piece
        }
    }

    private static let passing: [FaultProxy.Fault] = [
        FaultProxy.slowDown, .answer(status: 500, body: ""), .answer(status: 503, body: "<html>no XML"), .lose,
        .resetRequest(after: 0), .resetRequest(after: 20_000), .resetAnswer(after: 0), .truncate(after: 0), .silence,
    ]

    @Test(arguments: passing)
    func `does what it was asked after a fault that passes`(_ fault: FaultProxy.Fault) async throws {
        let server = try await S3TestServer.shared(.moto)
        let bucket = try await server.bucket()
        // Every first try of an operation is spoilt, and the second of every other.
        let seen = Mutex<[String: Int]>([:])
        let proxy = try FaultProxy(before: server.port) { request in
            let count = seen.withLock { seen in
                seen["\(request.method) \(request.target)", default: 0] += 1
                return seen["\(request.method) \(request.target)", default: 0]
            }
            return count <= 1 + request.number % 2 ? fault : .none
        }
        let store = try server.store(bucket, port: proxy.port, Self.waiting(for: fault))
        try await store.put(Self.small, at: key("a"))
        #expect(try await store.get(key("a")) == Self.small)
        #expect(try await store.size(of: key("a")) == 50_000)
        try await store.copy(key("a"), to: key("b"))
        #expect(try await whole(store, key("b")) == Self.small)
        #expect(try await store.list(prefix: "", after: nil, limit: 9).map(\.key.path) == ["a", "b"])
        try await store.delete([key("a"), key("b")])
        #expect(try await server.store(bucket).list(prefix: "", after: nil, limit: 9) == [])
    }

    @Test(arguments: [
        FaultProxy.Fault.resetAnswer(after: 7_000), .truncate(after: 30_000), .truncate(after: 49_999),
        .resetAnswer(after: 0),
    ])
    func `reads on where an answer was cut`(_ fault: FaultProxy.Fault) async throws {
        let server = try await S3TestServer.shared(.moto)
        let bucket = try await server.bucket()
        try await server.store(bucket).put(Self.small, at: key("a"))
        // Three connections end early, each further on.
        let proxy = try FaultProxy(before: server.port) { $0.number <= 3 ? fault : .none }
        let store = try server.store(bucket, port: proxy.port, Self.waiting(for: fault))
        #expect(try await whole(store, key("a")) == Self.small)
    }

    @Test func `does not read on in other bytes than it began with`() async throws {
        let server = try await S3TestServer.shared(.moto)
        let bucket = try await server.bucket()
        let direct = try server.store(bucket)
        try await direct.put(Self.small, at: key("a"))
        let proxy = try FaultProxy(before: server.port) { $0.number == 1 ? .truncate(after: 7_000) : .none }
        let store = try server.store(bucket, port: proxy.port)
        let reader = try await store.read(key("a"), range: nil)
        _ = try await reader.next()
        try await direct.put(Self.small.reversed(), at: key("a"))
        let failure = await #expect(throws: BlobFailure.self) {
            while try await !reader.next().isEmpty {}
        }
        #expect(failure?.kind == .away && failure?.message.contains("replaced") == true)
    }

    @Test func `never waits for ever for one that is silent`() async throws {
        let server = try await S3TestServer.shared(.moto)
        let bucket = try await server.bucket()
        try await server.store(bucket).put(Self.small, at: key("a"))
        let proxy = try FaultProxy(before: server.port) { _ in .silence }
        let store = try server.store(bucket, port: proxy.port) { configuration in
            Self.hasty(&configuration)
            configuration.retries.tries = 2
        }
        let (a, b) = try (key("a"), key("b"))
        let operations: [@Sendable () async throws -> Void] = [
            { _ = try await store.get(a) }, { _ = try await whole(store, a) },
            { try await store.put(Self.small, at: b) },
            { try await store.copy(a, to: b) }, { _ = try await store.size(of: a) },
            { try await store.delete([a, b]) },
            { _ = try await store.list(prefix: "", after: nil, limit: 9) },
        ]
        // Together, for each waits for its deadlines.
        try await withThrowingTaskGroup(of: BlobFailure.Cause?.self) { group in
            for operation in operations {
                group.addTask { await #expect(throws: BlobFailure.self) { try await operation() }?.cause }
            }
            for try await cause in group { #expect(cause == .unreachable) }
        }
    }

    /// Nothing but the rate of its bytes ends these: the time for the whole is longer than the test's.
    @Test func `is no longer read from once it sends a few bytes a second`() async throws {
        let server = try await S3TestServer.shared(.moto)
        let bucket = try await server.bucket()
        try await server.store(bucket).put(Self.small, at: key("a"))
        let proxy = try FaultProxy(before: server.port) { _ in .trickle(milliseconds: 40) }
        let store = try server.store(bucket, port: proxy.port) { configuration in
            Self.hasty(&configuration)
            configuration.deadlines.whole = .seconds(3600)
            configuration.retries.tries = 2
        }
        let a = try key("a")
        let operations: [@Sendable () async throws -> Void] = [
            { _ = try await store.get(a) }, { _ = try await whole(store, a) },
            { _ = try await store.list(prefix: "", after: nil, limit: 9) },
        ]
        try await withThrowingTaskGroup(of: BlobFailure.Kind?.self) { group in
            for operation in operations {
                group.addTask { await #expect(throws: BlobFailure.self) { try await operation() }?.kind }
            }
            for try await kind in group { #expect(kind == .away) }
        }
    }

    private static let spoilt: [FaultProxy.Fault] = [
        FaultProxy.slowDown, .resetRequest(after: 100_000), .resetRequest(after: 5_000_000), .lose, .silence,
        .replace(status: 200, body: "<Error><Code>InternalError</Code><Message>later</Message></Error>"),
        .replace(status: 200, body: ""),
        // The store never heard of these, whatever the status says.
        .answer(status: 200, body: "<Error><Code>InternalError</Code><Message>later</Message></Error>"),
        .answer(status: 200, body: ""),
    ]

    @Test(arguments: spoilt)
    func `puts a file in parts through faults at every step`(_ fault: FaultProxy.Fault) async throws {
        let server = try await S3TestServer.shared(.moto)
        let bucket = try await server.bucket()
        let isAnswer =
            switch fault {
            case .replace, .answer(status: 200, _): true
            default: false
            }
        let proxy = try FaultProxy(before: server.port) { request in
            // An answer of 200 that holds an error comes for completing alone.
            if isAnswer { return request.isCompletion && request.number < 6 ? fault : .none }
            return request.number % 2 == 1 && request.number < 12 ? fault : .none
        }
        let journal = MemoryMultipartJournal(time: SystemTime())
        try await withTemporaryFolder { folder in
            let file = try FileDescriptor.creating(folder + "/a")
            for number in 0..<260 { try file.write(Self.small, at: Int64(number * 50_000)) }
            let store = try server.store(bucket, port: proxy.port, journal: journal, Self.waiting(for: fault))
            try await store.put(file: file, at: key("a"))
            let got = try await server.store(bucket).get(key("a"))
            let put = try file.read(upTo: 13_000_000, at: 0)
            #expect(got == put)
        }
        #expect(try await journal.unfinished(before: SystemTime().now + .seconds(9), limit: 9) == [])
        // Beginnings whose answers were lost are all that can be left, and the sweep finds them.
        let store = try server.store(bucket)
        try await store.sweepMultiparts(unnamed: .seconds(-60))
        #expect(try await store.sweepMultiparts(unnamed: .seconds(-60)) == 0)
    }

    @Test func `gives up a file it cannot put, and leaves nothing once it was swept`() async throws {
        let server = try await S3TestServer.shared(.moto)
        let bucket = try await server.bucket()
        // Neither a part nor the abort gets through.
        let proxy = try FaultProxy(before: server.port) {
            $0.target.contains("uploadId=") ? FaultProxy.slowDown : .none
        }
        let journal = MemoryMultipartJournal(time: SystemTime())
        try await withTemporaryFolder { folder in
            let file = try FileDescriptor.creating(folder + "/a")
            try file.truncate(to: 6 << 20)
            let store = try server.store(bucket, port: proxy.port, journal: journal)
            let failure = await #expect(throws: BlobFailure.self) { try await store.put(file: file, at: key("a")) }
            #expect(failure?.isPassing == true)
        }
        let store = try server.store(bucket, journal: journal)
        #expect(try await store.sweepMultiparts(named: .seconds(-60), unnamed: .seconds(-60)) == 1)
        #expect(try await journal.unfinished(before: SystemTime().now + .seconds(9), limit: 9) == [])
        #expect(try await store.sweepMultiparts(unnamed: .seconds(-60)) == 0)
    }

    /// What goes on in the store while a file of three parts goes up; gives the number of faults it was met with.
    private func put(
        through server: S3TestServer, disturbed: @escaping @Sendable (S3TestServer) -> Void,
        mended: (S3TestServer) async throws -> Void
    ) async throws {
        let bucket = try await server.bucket()
        let (hit, felt) = (try Moment(), try Moment())
        let parts = Mutex(0)
        let proxy = try FaultProxy(before: server.port) { request in
            guard request.isPart else { return .none }
            let number = parts.withLock { parts in
                parts += 1; return parts
            }
            if number == 2 {
                disturbed(server)
                hit.come()
            }
            // The client has come back to a store that did not answer.
            if number == 6 { felt.come() }
            return .none
        }
        try await withTemporaryFolder { folder in
            let file = try FileDescriptor.creating(folder + "/a")
            for number in 0..<260 { try file.write(Self.small, at: Int64(number * 50_000)) }
            let store = try server.store(bucket, port: proxy.port) { configuration in
                Self.hasty(&configuration)
                configuration.partsPerObject = 2
                configuration.retries = S3RetryPolicy(tries: 40, first: .milliseconds(200), cap: .seconds(1))
            }
            let copy = SharedDescriptor(try file.duplicate())
            let (path, put) = (try key("a"), try file.read(upTo: 13_000_000, at: 0))
            let task = Task { try await store.put(file: copy.descriptor, at: path) }
            await hit.awaited()
            await felt.awaited()
            try await mended(server)
            try await task.value
            let got = try await server.store(bucket).get(path)
            #expect(got == put)
        }
        #expect(try await server.store(bucket).sweepMultiparts(unnamed: .seconds(-60)) == 0)
    }

    @Test func `puts a file though the store is frozen for a while`() async throws {
        let server = try await S3TestServer(.openStack)
        try await put(through: server) {
            $0.freeze()
        } mended: {
            $0.thaw()
        }
        await server.kill()
    }

    @Test func `puts a file though the store is killed and started again`() async throws {
        let server = try await S3TestServer(.openStack)
        try await put(through: server) {
            $0.killNow()
        } mended: {
            try await $0.start()
        }
        await server.kill()
    }
}
