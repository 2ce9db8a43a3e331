import Core
import HTTPServer
import Platform
import Synchronization

/// What the tests' server answers.
struct Site: Responder {
    let router: Router
    let quick: OpenFile
    let signals = Signals()

    /// What a handler tells the test, so that no test waits by the clock.
    final class Signals: Sendable {
        let entered = Signal()
        let left = Signal()
        let body = Mutex<Body?>(nil)
    }

    init(_ folder: String) throws {
        let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try Files.writeAtomically(content, to: folder + "/file")
        let file = try OpenFile.open(
            folder + "/file", contentType: "audio/mp4", tag: "\"tag\"", fields: [("Cache-Control", "public")])
        quick = try OpenFile.open(
            folder + "/file", contentType: "audio/mp4", tag: "\"tag\"", fields: [("Cache-Control", "public")])
        let signals = signals
        var router = Router()
        router.on(.get, "/hello") { _ in .text(200, "hello") }
        router.on(.get, "/file") { .file(file, for: $0) }
        router.on(.get, "/peer") { .text(200, "\($0.peer) \($0.host ?? "") \($0.id)") }
        router.on(.post, "/echo") { request in
            let bytes = try await request.body.collect(limit: 10_000_000)
            return .bytes(200, bytes, type: "x/y", fields: [("X-Trailer", request.body.trailers["checksum"] ?? "none")])
        }
        router.on(.post, "/ignore") { _ in .text(200, "ignored") }
        router.on(.post, "/count") { request in
            var count = 0
            while case let part = try await request.body.read(upTo: 1000), !part.isEmpty { count += part.count }
            return .text(200, "\(count)")
        }
        router.on(.get, "/stream") { _ in
            Response(
                status: 200,
                body: .stream { writer in
                    try await writer.write("one ")
                    try await writer.write(String(repeating: "x", count: 100_000))
                    writer.setTrailers([("Checksum", "abc")])
                })
        }
        router.on(.get, "/broken-stream") { _ in
            Response(
                status: 200,
                body: .stream { writer in
                    try await writer.write("one")
                    throw Refusal(.internal)
                })
        }
        router.on(.get, "/counted/{count}") { request in
            let count: String = try request.parameter("count")
            return Response(
                status: 200,
                body: .counted(Int64(count) ?? 0) { writer in
                    try await writer.write("one ")
                    try await writer.write("two")
                })
        }
        router.on(.post, "/interim") { request in
            try await request.interim(104, [("Upload-Offset", "5")])
            return .text(200, "done")
        }
        router.on(.get, "/hang") { _ in
            signals.entered.raise()
            // Ends by cancellation alone.
            let ended = Signal()
            await withTaskCancellationHandler {
                await ended.wait()
            } onCancel: {
                ended.raise()
            }
            signals.left.raise()
            return .text(200, "cancelled")
        }
        router.on(.get, "/wait") { _ in
            signals.entered.raise()
            await signals.left.wait()
            return .text(200, "waited")
        }
        router.on(.post, "/take") { request in
            signals.body.withLock { $0 = request.body }
            signals.entered.raise()
            do throws(BodyFailure) {
                while try await !request.body.read().isEmpty {}
                return .text(200, "whole")
            } catch {
                signals.left.raise()
                return .text(409, "\(error.kind)")
            }
        }
        router.on(.post, "/cancel-first") { request in
            request.body.cancel()
            do throws(BodyFailure) {
                return .text(200, "\(try await request.body.read().count)")
            } catch {
                return .text(409, "\(error.kind)")
            }
        }
        self.router = router
    }

    func respond(to request: Request) async -> Response { await router.respond(to: request) }

    func quick(_ head: borrowing RequestHead) -> QuickFile? {
        head.path.count == 6 && head.path[1] == UInt8(ascii: "q") ? QuickFile(quick) : nil
    }
}

/// Raised once; whoever waits, before or after, goes on.
final class Signal: Sendable {
    private let state = Mutex<(isRaised: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func raise() {
        let waiting = state.withLock { state in
            state.isRaised = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isRaised = state.withLock { state in
                if !state.isRaised { state.waiting.append(continuation) }
                return state.isRaised
            }
            if isRaised { continuation.resume() }
        }
    }
}
