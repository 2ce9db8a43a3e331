import Access
import Core
import Crypto
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// A `trackId` that exists already: who may name it, in each protocol.
@Suite(.timeLimit(.minutes(5))) struct TrackOwnershipTests {
    private let rig: ServiceRig
    private let data = wav(50_000)
    private let track = TrackID(checked: "song-1")

    init() throws { rig = try ServiceRig { $0.openUploads = 0 } }

    private func user(_ name: String, _ permissions: Set<Permission> = [.uploadAudio], tenant: TenantID = .operatorsOwn)
        -> Principal
    {
        Principal(tenant: tenant, user: named(name), permissions: permissions)
    }

    /// Names the track in each way that an upload can begin.
    private func name(_ track: TrackID, by principal: Principal, way: Way) async throws {
        let origin = Origin(principal: principal, requestID: .make())
        var stream = NewStream(way == .ietf ? .ietf : .tus)
        stream.filename = "a.wav"
        stream.trackID = track
        switch way {
        case .chunks: _ = try await rig.create(data, by: principal) { $0.trackID = track }
        case .tus, .ietf:
            stream.size = Int64(data.count)
            _ = try await rig.service.create(stream, from: origin)
        case .small, .whole:
            let bytes = way == .small ? Array(data[..<2_000]) : data
            stream.size = Int64(bytes.count)
            _ = try await rig.service.createWhole(stream, Append(at: 0), from: Body(bytes: bytes), origin: origin)
        case .concatenation:
            var part = NewStream(.part)
            part.size = Int64(data.count)
            let row = try await rig.service.create(part, from: origin)
            _ = try await rig.service.append(Append(at: 0), to: row, from: Body(bytes: data))
            stream.notes.parts = [row.id]
            _ = try await rig.service.concatenate(stream, from: origin)
        }
    }

    enum Way: CaseIterable { case chunks, tus, ietf, small, whole, concatenation }

    private func found(_ track: TrackID) async throws -> TrackRow? {
        try await rig.ledger.read("test") { tx in try tx.tracks.find(track) }
    }

    private func mustBeNotFound(_ principal: Principal, _ way: Way) async throws {
        let before = try #require(try await found(track))
        let events = try await rig.events()
        await #expect(
            performing: { try await name(track, by: principal, way: way) },
            throws: { ($0 as? IngestFailure)?.kind == .notFound }
        )
        #expect(try await found(track) == before)
        #expect(try await rig.events() == events)
    }

    @Test(arguments: Way.allCases) func `a track of another user is not found, and stays what it is`(_ way: Way)
        async throws
    {
        try await name(track, by: user("anna"), way: .small)
        try await mustBeNotFound(user("bert"), way)
        try await name(track, by: user("anna"), way: way)
    }

    @Test(arguments: Way.allCases) func `a manager of the tenant may name every track of it`(_ way: Way) async throws {
        try await name(track, by: user("anna"), way: .small)
        let before = try #require(try await found(track))
        try await name(track, by: user("boss", [.uploadAudio, .manageTracks]), way: way)
        let after = try #require(try await found(track))
        #expect(after.uploadID != before.uploadID && after.owner == before.owner)
    }

    @Test(arguments: Way.allCases) func `a track of another tenant is not found, for its manager too`(_ way: Way)
        async throws
    {
        try await name(track, by: user("anna"), way: .small)
        try await mustBeNotFound(user("anna", [.uploadAudio, .manageTracks], tenant: named("other")), way)
    }

    @Test(arguments: Way.allCases) func `the id of a deleted track is not used again, by its owner neither`(_ way: Way)
        async throws
    {
        try await name(track, by: user("anna"), way: .small)
        _ = try await rig.ledger.write("test") { tx in try tx.tracks.delete(track) }
        try await mustBeNotFound(user("anna"), way)
        try await mustBeNotFound(user("boss", [.uploadAudio, .manageTracks]), way)
    }

    @Test func `owners that differ in bytes alone are two owners`() async throws {
        let (composed, decomposed) = ("Ren\u{E9}e", "Rene\u{301}e")
        #expect(composed == decomposed)
        let (one, other): (UserID, UserID) = (named(composed), named(decomposed))
        #expect(one != other)
        #expect(Set([one, other]).count == 2)
        try await name(track, by: user(composed), way: .small)
        for way in Way.allCases { try await mustBeNotFound(user(decomposed), way) }
        let row = try await rig.create(data, by: user(composed))
        await #expect(
            performing: { try await rig.service.find(row.id, for: .principal(user(decomposed))) },
            throws: { ($0 as? IngestFailure)?.kind == .notFound })
    }

    @Test func `another digest than declared fails no track of others`() async throws {
        try await name(track, by: user("anna"), way: .small)
        let before = try #require(try await found(track))
        var stream = NewStream(.tus)
        (stream.trackID, stream.size) = (track, 2_000)
        stream.sha256 = Hex.encode(SHA256.hash("other"))
        let (wish, body) = (stream, Body(bytes: Array(data[..<2_000])))
        let origin = Origin(principal: user("bert"), requestID: .make())
        await #expect(throws: IngestFailure.self) {
            try await rig.service.createWhole(wish, Append(at: 0), from: body, origin: origin)
        }
        #expect(try await found(track) == before)
    }

    @Test func `a refused whole file is not read`() async throws {
        try await name(track, by: user("anna"), way: .small)
        var stream = NewStream(.tus)
        stream.trackID = track
        stream.size = 1 << 20
        let wish = stream
        // Who reads it waits for bytes that never come.
        let body = Body(length: 1 << 20, source: TestBody(TestSource([], end: .silent)))
        let origin = Origin(principal: user("bert"), requestID: .make())
        await #expect(
            performing: { try await rig.service.createWhole(wish, Append(at: 0), from: body, origin: origin) },
            throws: { ($0 as? IngestFailure)?.kind == .notFound })
        #expect(try await rig.reserved() == 0)
    }
}
