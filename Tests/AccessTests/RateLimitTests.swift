import Access
import Core
import Synchronization
import Testing

/// A clock that a test moves.
final class HandClock: TimeSource {
    private let moment = Mutex(Timestamp(seconds: 1_700_000_000))
    var now: Timestamp { moment.withLock(\.self) }
    func advance(by duration: Duration) { moment.withLock { $0 = $0 + duration } }
    func sleep(for duration: Duration) async throws {}
}

@Suite(.timeLimit(.minutes(5))) struct `The rate limit` {
    private let clock = HandClock()
    private let ann = RateLimit.Subject.user(TenantID(checked: "t"), UserID(checked: "ann"))
    private let bob = RateLimit.Subject.user(TenantID(checked: "t"), UserID(checked: "bob"))
    private let tenant = RateLimit.Subject.tenant(TenantID(checked: "t"))

    private func limit(_ rate: String = "6/min", capacity: Int = 1000) throws -> RateLimit {
        RateLimit(try #require(Rate(rate)), time: clock, capacity: capacity)
    }

    @Test func `lets a full bucket be emptied at once, and then one through as often as it fills`() throws {
        let limit = try limit()
        for left in (0..<6).reversed() {
            let standing = limit.take([ann])
            #expect(standing.isAllowed && standing.remaining == left && standing.limit == 6)
        }
        let refused = limit.take([ann])
        #expect(!refused.isAllowed && refused.remaining == 0 && refused.retryAfter == .seconds(10))
        clock.advance(by: .milliseconds(9_999))
        #expect(limit.take([ann]).retryAfter == .seconds(1))
        clock.advance(by: .milliseconds(1))
        #expect(limit.take([ann]).isAllowed)
        #expect(!limit.take([ann]).isAllowed)
        clock.advance(by: .seconds(3600))
        #expect(limit.take([ann]).remaining == 5)
    }

    @Test func `takes from all buckets of a request or from none, and tells of the tightest`() throws {
        let limit = try limit()
        for _ in 0..<4 { _ = limit.take([ann, tenant]) }
        let standing = limit.take([bob, tenant])
        #expect(standing.remaining == 1)
        #expect(limit.take([bob, tenant]).isAllowed)
        #expect(!limit.take([bob, tenant]).isAllowed)
        // The refusals took nothing of his own.
        #expect(limit.take([bob]).remaining == 3)
    }

    @Test func `says in fields how it stands`() throws {
        let limit = try limit("2/s")
        let standing = limit.take([ann])
        #expect(
            standing.fields.map { "\($0.0): \($0.1)" } == [
                "X-RateLimit-Limit: 2", "X-RateLimit-Remaining: 1", "X-RateLimit-Reset: 1700000001",
            ])
        #expect(standing.refusal == nil)
        _ = limit.take([ann])
        let refusal = try #require(limit.take([ann]).refusal)
        #expect(refusal.code == .rateLimited)
        #expect(refusal.fields.contains { $0 == ("Retry-After", "1") })
        #expect(refusal.fields.contains { $0 == ("X-RateLimit-Remaining", "0") })
    }

    @Test func `is no longer than it takes to fill when the clock is set back`() throws {
        let limit = try limit()
        for _ in 0..<6 { _ = limit.take([ann]) }
        clock.advance(by: .seconds(-86_400))
        #expect(limit.take([ann]).retryAfter == .seconds(10))
        clock.advance(by: .seconds(60))
        #expect(limit.take([ann]).remaining == 5)
    }

    @Test func `keeps no more buckets than it may, and those that matter`() throws {
        let limit = try limit(capacity: 100)
        for _ in 0..<6 { _ = limit.take([ann]) }
        for index in 0..<5_000 {
            _ = limit.take([.user(TenantID(checked: "t"), UserID(checked: "u\(index)"))])
            #expect(limit.count <= 100)
        }
        #expect(!limit.take([ann]).isAllowed)
        clock.advance(by: .seconds(3600))
        for index in 0..<200 { _ = limit.take([.user(TenantID(checked: "t"), UserID(checked: "v\(index)"))]) }
        #expect(limit.take([ann]).remaining == 5)
    }

    @Test func `counts an IPv6 network as one, and each IPv4 address for itself`() {
        let network: [UInt8] = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 1]
        let first = RateLimit.Subject.address(network + [0, 0, 0, 0, 0, 0, 0, 1])
        #expect(first == .address(network + [1, 2, 3, 4, 5, 6, 7, 8]))
        #expect(first != .address([0x20, 1, 0xD, 0xB8, 0, 0, 0, 2] + [0, 0, 0, 0, 0, 0, 0, 1]))
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        #expect(RateLimit.Subject.address(mapped + [1, 2, 3, 4]) != .address(mapped + [1, 2, 3, 5]))
    }

    @Test(arguments: [
        "", "600", "0/min", "-1/min", "+1/min", "1.5/min", "600/day", "600/min/", "/min", "1e3/s", "9999999/s",
    ])
    func `takes no other text for a rate`(_ text: String) { #expect(Rate(text) == nil) }
}

@Suite(.timeLimit(.minutes(5))) struct `The key cache` {
    /// Counts what it is asked.
    private final class Directory: KeyDirectory {
        let asked = Mutex(0)
        let keys = Mutex<[StoredKey]>([])
        func find(prefix: String) async throws -> [StoredKey] {
            asked.withLock { $0 += 1 }
            return keys.withLock(\.self)
        }
    }

    private static let stored = StoredKey(
        id: KeyID(checked: "key_1"), tenant: TenantID(checked: "t"), hash: "", permissions: [], expires: nil)

    @Test func `asks once in a while, and a revocation is seen within five seconds`() async throws {
        let (directory, clock) = (Directory(), HandClock())
        let cache = KeyCache(directory, time: clock)
        directory.keys.withLock { $0 = [Self.stored] }
        for _ in 0..<10 { #expect(try await cache.find(prefix: "p").count == 1) }
        #expect(directory.asked.withLock(\.self) == 1)
        directory.keys.withLock { $0 = [] }
        clock.advance(by: .seconds(5))
        #expect(try await cache.find(prefix: "p").isEmpty)
    }

    @Test func `does not keep a revoked key alive when the clock is set back`() async throws {
        let (directory, clock) = (Directory(), HandClock())
        let cache = KeyCache(directory, time: clock)
        directory.keys.withLock { $0 = [Self.stored] }
        _ = try await cache.find(prefix: "p")
        directory.keys.withLock { $0 = [] }
        clock.advance(by: .seconds(-3600))
        #expect(try await cache.find(prefix: "p").isEmpty)
    }

    @Test func `asks again for what it had no room to remember`() async throws {
        let directory = Directory()
        let cache = KeyCache(directory, time: HandClock(), capacity: 2)
        for prefix in ["a", "b", "a", "b"] { _ = try await cache.find(prefix: prefix) }
        #expect(directory.asked.withLock(\.self) == 2)
        for prefix in ["c", "a"] { _ = try await cache.find(prefix: prefix) }
        #expect(directory.asked.withLock(\.self) == 4)
    }
}
