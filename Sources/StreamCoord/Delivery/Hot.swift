import Core
import HTTPServer
import Synchronization

/// What the hot path knows: tokens that were verified and files that are open, each for seconds. Everything in it was let
/// through by the ordinary way, which fills it; it decides nothing but that what was true still holds.
final class Hot: Sendable {
    /// One that was judged, its session too.
    final class Token: Sendable {
        let track: TrackID
        let tenant: TenantID
        let expires: Int64
        /// Past it one request goes the ordinary way and asks after the session again; the others are served up to `end`,
        /// so that renewal is one look-up and not a crowd.
        let until: Timestamp
        let end: Timestamp

        init(track: TrackID, tenant: TenantID, expires: Int64, until: Timestamp, end: Timestamp) {
            self.track = track
            self.tenant = tenant
            self.expires = expires
            self.until = until
            self.end = end
        }
    }

    final class File: Sendable {
        let file: OpenFile
        let track: TrackID
        let tenant: TenantID
        let isPublic: Bool
        /// As of a token.
        let until: Timestamp
        let end: Timestamp

        init(
            file: OpenFile, track: TrackID, tenant: TenantID, isPublic: Bool, until: Timestamp, end: Timestamp
        ) {
            self.file = file
            self.track = track
            self.tenant = tenant
            self.isPublic = isPublic
            self.until = until
            self.end = end
        }
    }

    private struct State {
        var tokenIndex = ByteIndex(capacity: 16_384)
        var tokens: [Token?]
        var fileIndex = ByteIndex(capacity: 4_096)
        var files: [File?]
        /// Entries past their `until` for which somebody is on the way already.
        var renewing: Set<ObjectIdentifier> = []
        /// Rises with every `forget`: what was let through before one is not kept after it.
        var epoch: UInt64 = 0

        init() {
            tokens = Array(repeating: nil, count: tokenIndex.count)
            files = Array(repeating: nil, count: fileIndex.count)
        }
    }

    private let state = Mutex(State())

    var epoch: UInt64 { state.withLock { $0.epoch } }

    /// `path` is what stands behind the token.
    func file(token: Span<UInt8>, path: Span<UInt8>, at now: Timestamp) -> OpenFile? {
        state.withLock { state in
            guard let place = state.fileIndex.find(path), let found = state.files[place], now < found.end else {
                return nil
            }
            if now >= found.until, state.renewing.insert(ObjectIdentifier(found)).inserted { return nil }
            if isPublic(token) { return found.isPublic ? found.file : nil }
            guard let place = state.tokenIndex.find(token), let known = state.tokens[place],
                now.seconds < known.expires, now < known.end, known.track == found.track, known.tenant == found.tenant
            else { return nil }
            if now >= known.until, state.renewing.insert(ObjectIdentifier(known)).inserted { return nil }
            return found.file
        }
    }

    /// For the ordinary way: what need not be verified again.
    func token(_ text: Span<UInt8>, at now: Timestamp) -> Token? {
        state.withLock { state in
            guard let place = state.tokenIndex.find(text), let known = state.tokens[place], now < known.until else {
                return nil
            }
            return known
        }
    }

    func keep(_ token: Token, for text: Span<UInt8>) {
        state.withLock { state in
            let place = state.tokenIndex.place(text)
            if let old = state.tokens[place] { state.renewing.remove(ObjectIdentifier(old)) }
            state.tokens[place] = token
        }
    }

    func keep(_ file: File, for path: Span<UInt8>, since epoch: UInt64) {
        // What is displaced closes its descriptor outside the lock.
        _ = state.withLock { state -> File? in
            guard state.epoch == epoch else { return nil }
            let place = state.fileIndex.place(path)
            let old = state.files[place]
            if let old { state.renewing.remove(ObjectIdentifier(old)) }
            state.files[place] = file
            return old
        }
    }

    func forget(_ track: TrackID) {
        let gone = state.withLock { state in
            state.epoch += 1
            var gone: [File] = []
            for place in state.files.indices {
                guard let file = state.files[place], file.track == track else { continue }
                gone.append(file)
                state.renewing.remove(ObjectIdentifier(file))
                state.fileIndex.clear(place)
                state.files[place] = nil
            }
            return gone
        }
        withExtendedLifetime(gone) {}
    }

    func forgetTokens() {
        state.withLock { state in
            for place in state.tokens.indices {
                guard let token = state.tokens[place] else { continue }
                state.renewing.remove(ObjectIdentifier(token))
                state.tokenIndex.clear(place)
                state.tokens[place] = nil
            }
        }
    }
}

/// `public`, the token of what everybody may hear.
private func isPublic(_ token: Span<UInt8>) -> Bool {
    token.count == 6 && token[0] == UInt8(ascii: "p") && token[1] == UInt8(ascii: "u") && token[2] == UInt8(ascii: "b")
        && token[3] == UInt8(ascii: "l") && token[4] == UInt8(ascii: "i") && token[5] == UInt8(ascii: "c")
}
