import Access
import Core
import Events
import HTTPServer
import Ledger
import TestSupport
import Testing

@testable import StreamCoord

/// What a stream writes, piece by piece.
private final class Pieces: StreamSink {
    private let written: AsyncStream<String>.Continuation
    private let stream: AsyncStream<String>

    init() { (stream, written) = AsyncStream.makeStream() }

    func write(_ bytes: [UInt8]) async throws(BodyFailure) { written.yield(String(decoding: bytes, as: UTF8.self)) }

    /// Reads until `count` pieces came whose text holds `mark`.
    func take(_ count: Int, holding mark: String) async -> [String] {
        var found: [String] = []
        for await piece in stream where piece.contains(mark) {
            found.append(piece)
            if found.count == count { break }
        }
        return found
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The event stream` {
    private func router(_ rig: StreamRig, _ tenant: TenantID = StreamRig.tenant) -> Router {
        var router = Router()
        EventStream(ledger: rig.ledger, time: rig.time, links: rig.events.links).register(on: &router) { _ in
            .of(tenant: tenant, permissions: [.manageTracks])
        }
        return router
    }

    /// Opens a stream, hands its pieces to `body`, and ends it.
    private func follow(
        _ router: Router, _ path: String, _ fields: [(String, String)] = [], _ body: (Pieces) async throws -> Void
    ) async throws {
        let response = await router.respond(to: Request(.get, path, fields: fields))
        #expect(response.status == 200)
        #expect(response["content-type"] == "text/event-stream")
        #expect(response["x-accel-buffering"] == "no")
        #expect(response.endsOnDrain)
        guard case .stream(let write) = response.body else { return }
        let pieces = Pieces()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // Ends by our cancelling it.
                try? await write(StreamWriter(pieces))
            }
            try await body(pieces)
            group.cancelAll()
        }
    }

    private func tell(_ rig: StreamRig, _ type: EventType, _ track: TrackRow) async throws -> EventRow {
        try await rig.ledger.write("test.tell") { [events = rig.events] tx in
            try events.tell(type, of: track, requestID: nil, in: tx)
        }
    }

    @Test func `says that it is connected, then what happens, as the callback says it`() async throws {
        try await StreamRig.run { rig in
            let track = try await rig.publish("trk_a")
            _ = try await tell(rig, .trackFailed, track)
            try await follow(router(rig), "/v1/events") { pieces in
                #expect(await pieces.take(1, holding: "event: connected").count == 1)
                let event = try await tell(rig, .trackReady, track)
                let piece = await pieces.take(1, holding: "id: ").first
                let body = String(decoding: event.body, as: UTF8.self)
                #expect(piece == "id: 2\nevent: track.ready\ndata: \(body)\n\n")
            }
        }
    }

    @Test func `replays what came after the last one seen`() async throws {
        try await StreamRig.run { rig in
            let track = try await rig.publish("trk_a")
            for _ in 0..<4 { _ = try await tell(rig, .trackReady, track) }
            try await follow(router(rig), "/v1/events", [("Last-Event-ID", "2")]) { pieces in
                let found = await pieces.take(2, holding: "event: track.ready")
                #expect(found.map { $0.prefix(5) } == ["id: 3", "id: 4"])
            }
        }
    }

    @Test func `of one track tells of that alone`() async throws {
        try await StreamRig.run { rig in
            let track = try await rig.publish("trk_a")
            let other = try await rig.publish("trk_b", generation: "gen_2")
            _ = try await tell(rig, .trackReady, other)
            _ = try await tell(rig, .trackReady, track)
            try await follow(router(rig), "/v1/tracks/trk_a/events", [("Last-Event-ID", "0")]) { pieces in
                #expect(await pieces.take(1, holding: "id: ").first?.hasPrefix("id: 2\n") == true)
            }
        }
    }

    @Test func `tells progress without an id`() async throws {
        try await StreamRig.run { rig in
            let track = try await rig.insert("trk_a")
            try await follow(router(rig), "/v1/tracks/trk_a/events") { pieces in
                let first = await pieces.take(1, holding: "event: track.progress").first
                #expect(first?.contains("\"stage\":\"uploading\"") == true)
                #expect(first?.contains("id: ") == false)
                _ = try await rig.ledger.write("test.stage") { tx in
                    try tx.tracks.setStage(track.id, .encoding, progress: 0.5)
                }
                await rig.time.sleeper(for: EventStream.poll)
                rig.time.advance(by: EventStream.poll)
                #expect(await pieces.take(1, holding: "\"stage\":\"encoding\"").count == 1)
            }
        }
    }

    @Test func `pings one who hears nothing`() async throws {
        try await StreamRig.run { rig in
            try await follow(router(rig), "/v1/events") { pieces in
                await rig.time.sleeper(for: EventStream.poll)
                rig.time.advance(by: EventStream.ping)
                #expect(await pieces.take(1, holding: ": ping\n\n").count == 1)
            }
        }
    }

    @Test func `is given to twenty of a tenant, and again when one goes`() async throws {
        try await StreamRig.run { rig in
            let (router, other) = (router(rig), TenantID(checked: "other"))
            var held: [Response] = []
            for _ in 0..<EventStream.bound { held.append(await router.respond(to: Request(.get, "/v1/events"))) }
            let refused = await router.respond(to: Request(.get, "/v1/events"))
            #expect(refused.status == 429)
            #expect(refused["retry-after"] != nil)
            #expect(await self.router(rig, other).respond(to: Request(.get, "/v1/events")).status == 200)
            held.removeLast()
            #expect(await router.respond(to: Request(.get, "/v1/events")).status == 200)
        }
    }

    @Test(arguments: ["x", "-1", ""]) func `refuses an id that is none`(_ id: String) async throws {
        try await StreamRig.run { rig in
            let request = Request(.get, "/v1/events", fields: [("Last-Event-ID", id)])
            #expect(await router(rig).respond(to: request).status == 400)
        }
    }

    @Test func `of another tenant's track is not there`() async throws {
        try await StreamRig.run { rig in
            _ = try await rig.insert("trk_a")
            let other = router(rig, TenantID(checked: "other"))
            #expect(await other.respond(to: Request(.get, "/v1/tracks/trk_a/events")).status == 404)
        }
    }
}
