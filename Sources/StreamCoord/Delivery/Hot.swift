import Core
import HTTPServer
import Synchronization

/// What the hot path knows: tokens that were verified and files that are open, each for seconds. Everything in it was let
/// through by the ordinary way, which fills it; it decides nothing but that what was true still holds.
final class Hot: Sendable {
    struct Token: Sendable {
        let track: TrackID
        let tenant: TenantID
        let expires: Int64
        /// As of a file: past it one request goes and asks after the session again.
        let until: Timestamp
        let end: Timestamp
        var isRenewing = false
    }

    struct File: Sendable {
        let file: OpenFile
        let track: TrackID
        let tenant: TenantID
        let isPublic: Bool
        var until: Timestamp
        /// The first request past `until` goes the ordinary way and renews it; the others are served up to here, so that
        /// a popular file's renewal is one look-up and not a crowd.
        let end: Timestamp
    }

    private struct State {
        var tokens = ByteTable<Token>(capacity: 16_384)
        var files = ByteTable<File>(capacity: 4_096)
        /// Rises with every `forget`: what was let through before one is not kept after it.
        var epoch: UInt64 = 0
    }

    private let state = Mutex(State())

    var epoch: UInt64 { state.withLock { $0.epoch } }

    /// `path` is what stands behind the token.
    func file(token: Span<UInt8>, path: Span<UInt8>, at now: Timestamp) -> OpenFile? {
        state.withLock { state in
            guard let found = state.files.value(path), now < found.end else { return nil }
            if now >= found.until {
                var renewed = found
                renewed.until = found.end
                state.files.insert(renewed, for: path)
                return nil
            }
            if isPublic(token) { return found.isPublic ? found.file : nil }
            guard let known = state.tokens.value(token), now.seconds < known.expires, now < known.end,
                known.track == found.track, known.tenant == found.tenant
            else { return nil }
            if now < known.until || known.isRenewing { return found.file }
            var renewed = known
            renewed.isRenewing = true
            state.tokens.insert(renewed, for: token)
            return nil
        }
    }

    /// A token that was judged, its session too.
    func token(_ text: Span<UInt8>, at now: Timestamp) -> Token? {
        state.withLock { state in state.tokens.value(text).flatMap { now < $0.until ? $0 : nil } }
    }

    func keep(_ token: Token, for text: Span<UInt8>) {
        state.withLock { _ = $0.tokens.insert(token, for: text) }
    }

    func keep(_ file: File, for path: Span<UInt8>, since epoch: UInt64) {
        // What is displaced closes its descriptor outside the lock.
        _ = state.withLock { state in state.epoch == epoch ? state.files.insert(file, for: path) : nil }
    }

    func forget(_ track: TrackID) {
        state.withLock { state in
            state.epoch += 1
            state.files.removeAll { $0.track == track }
        }
    }

    func forgetTokens() {
        state.withLock { $0.tokens = ByteTable(capacity: 16_384) }
    }
}

/// `public`, the token of what everybody may hear.
private func isPublic(_ token: Span<UInt8>) -> Bool {
    token.count == 6 && token[0] == UInt8(ascii: "p") && token[1] == UInt8(ascii: "u") && token[2] == UInt8(ascii: "b")
        && token[3] == UInt8(ascii: "l") && token[4] == UInt8(ascii: "i") && token[5] == UInt8(ascii: "c")
}
