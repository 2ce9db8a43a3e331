import Core
import Storage
import Synchronization

/// Whether the store answers, asked again and again by `run` so that nobody who looks waits for it; told when it goes away
/// and when it is back. Safe from any thread.
final class StoreWatch: Sendable {
    enum Notice: Sendable, Equatable {
        case away(reason: String)
        case back
    }

    private struct State {
        var failure: BlobFailure?
        var took = Duration.zero
        /// Since when an answer is waited for.
        var asked: ContinuousClock.Instant?
    }

    /// One that has not answered for so long is down.
    private static let patience = Duration.seconds(6)
    private static let pause = Duration.seconds(5)

    private let kind: String
    /// Nil where there is nothing to ask: the disk is looked at by itself.
    private let ask: (@Sendable () async throws(BlobFailure) -> Void)?
    private let time: any TimeSource
    private let told: @Sendable (Notice) -> Void
    private let state = Mutex(State())

    init(
        kind: String, time: any TimeSource, told: @escaping @Sendable (Notice) -> Void = { _ in },
        ask: (@Sendable () async throws(BlobFailure) -> Void)? = nil
    ) {
        self.kind = kind
        self.time = time
        self.told = told
        self.ask = ask
    }

    func run() async {
        guard ask != nil else { return }
        while !Task.isCancelled {
            // Cancelled: the loop ends by itself.
            try? await time.sleep(for: Self.pause)
            await look()
        }
    }

    /// Asks once.
    func look() async {
        guard let ask, !Task.isCancelled else { return }
        let began = ContinuousClock.now
        state.withLock { $0.asked = began }
        do throws(BlobFailure) {
            try await ask()
            note(nil, since: began)
        } catch {
            // Cancelled: the node ends, and nothing is said of the store.
            if !Task.isCancelled { note(error, since: began) }
        }
    }

    /// What the start found out already.
    func note(_ failure: BlobFailure?, since began: ContinuousClock.Instant) {
        let wasUp = state.withLock { state in
            defer { state = State(failure: failure, took: ContinuousClock.now - began) }
            return state.failure == nil
        }
        if let failure, wasUp { told(.away(reason: failure.message)) }
        if failure == nil, !wasUp { told(.back) }
    }

    var isUp: Bool { said.isUp }

    /// Addresses and names of buckets are for the log and `doctor`; anybody may look here.
    var said: (json: JSON, isUp: Bool) {
        let look = state.withLock(\.self)
        let waited = look.asked.map { ContinuousClock.now - $0 } ?? .zero
        let isUp = look.failure == nil && waited < Self.patience
        var members: [(String, JSON)] = [("status", isUp ? "up" : "down"), ("kind", .string(kind))]
        if ask != nil { members.append(("latencyMs", .integer(max(look.took, isUp ? .zero : waited).milliseconds))) }
        if !isUp { members.append(("reason", .string(look.failure?.cause?.word ?? "it does not answer"))) }
        return (.object(members), isUp)
    }
}

extension BlobFailure.Cause {
    fileprivate var word: String {
        switch self {
        case .noCredentials: "no credentials"
        case .wrongSecret: "wrong secret"
        case .unknownKey: "unknown access key"
        case .expiredToken: "expired token"
        case .missingBucket: "missing bucket"
        case .noPermission: "no permission"
        case .wrongRegion: "wrong region"
        case .clockOff: "clock off"
        case .tls: "its certificate is not believed"
        case .unresolved: "its name cannot be resolved"
        case .unreachable: "it cannot be reached"
        }
    }
}
