import Core
import Crypto
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// Every pair of callers that may end an upload, in both orders, where the first has decided and not yet written when the
/// second comes: one wins, the other reports what is true, and the bytes of what was completed stay.
@Suite(.timeLimit(.minutes(10))) struct EndingTests {
    /// An upload that lacks its end only.
    enum Kind: CaseIterable, Sendable {
        /// All chunks are there.
        case chunks
        case range, tus, ietf
        /// Its bytes are others than were declared.
        case wrongTus
        /// The final of one part that lacks its end.
        case concat

        var enders: [Ender] {
            switch self {
            case .chunks: [.complete, .wrongComplete, .delete, .expiry, .recover]
            case .range: [.last, .complete, .wrongComplete, .delete, .expiry, .recover]
            case .tus, .ietf, .wrongTus: [.last, .delete, .expiry, .recover]
            case .concat: [.last, .delete, .deletePart, .expiry, .recover]
            }
        }
    }

    enum Ender: Sendable {
        /// The request with the last bytes.
        case last
        case complete, wrongComplete, delete, deletePart, expiry, recover
    }

    private struct Case: Sendable {
        let files: FilesRig
        let kind: Kind
        let id: String
        /// The part of a final, or the upload itself.
        let part: String
    }

    private static let data = wav(150_000)
    private static let other = Hex.encode(SHA256.hash("other"))
    private static let labels: Set = ["upload.complete", "upload.end", "upload.cancel"]

    static let pairs: [(Kind, Ender, Ender)] = Kind.allCases.flatMap { kind in
        kind.enders.flatMap { first in kind.enders.map { (kind, first, $0) } }
    }

    @Test(arguments: pairs)
    func `of two that end an upload one wins, and no bytes of a complete one go`(
        _ kind: Kind, _ first: Ender, _ second: Ender
    ) async throws {
        let upload = try await make(kind)
        let (early, late) = await upload.files.rig.pausing.interleave(at: Self.labels) {
            await Self.run(first, upload)
        } _: {
            await Self.run(second, upload)
        }
        try await check(upload, [(first, early), (second, late)])
    }

    private func make(_ kind: Kind) async throws -> Case {
        let (files, data) = (try FilesRig { $0.uploadsPerHour = 0 }, Self.data)
        let id: String
        switch kind {
        case .chunks:
            let row = try await files.rig.create(data)
            for index in 0..<3 as Range<Int64> { _ = try await files.rig.put(index, of: row, data) }
            id = row.id.text
        case .range:
            id = try await files.rig.create(data).id.text
            let fields = [("Content-Range", "bytes 0-999/150000")]
            #expect(
                await files.ask(.put, "/v1/uploads/\(id)", fields, Body(bytes: Array(data[..<1000]))).status == 308)
        case .tus:
            id = await files.tusNew(data.count)
            #expect(await files.tusPatch(id, 0, Array(data[..<1000])).status == 204)
        case .wrongTus:
            let metadata = FilesRig.metadata("a.wav", ",sha256 \(Base64.encode(Array(Self.other.utf8)))")
            id = await files.tusPost([("Upload-Length", "150000"), metadata])["X-Upload-Id"] ?? ""
            #expect(await files.tusPatch(id, 0, Array(data[..<1000])).status == 204)
        case .ietf:
            let fields = [
                ("Upload-Complete", "?0"), ("Content-Disposition", "attachment; filename=\"a.wav\""),
                ("Upload-Length", "150000"),
            ]
            id = await files.ask(.post, "/files", fields, Body(bytes: Array(data[..<1000])))["X-Upload-Id"] ?? ""
        case .concat:
            let made = await files.tusPost([("Upload-Length", "150000"), ("Upload-Concat", "partial")])
            let part = made["X-Upload-Id"] ?? ""
            #expect(await files.tusPatch(part, 0, Array(data[..<1000])).status == 204)
            let final = await files.tusPost([("Upload-Concat", "final;/files/\(part)"), FilesRig.metadata("a.wav")])
            return Case(files: files, kind: kind, id: final["X-Upload-Id"] ?? "", part: part)
        }
        return Case(files: files, kind: kind, id: id, part: id)
    }

    /// The status of its answer; 0 for what has none.
    private static func run(_ ender: Ender, _ upload: Case) async -> Int {
        let (files, id, part) = (upload.files, upload.id, upload.part)
        let rest = Array(data[1000...])
        switch ender {
        case .last:
            switch upload.kind {
            case .tus, .wrongTus, .concat: return await files.tusPatch(part, 1000, rest).status
            case .ietf:
                let fields = [
                    ("Upload-Complete", "?1"), ("Upload-Offset", "1000"),
                    ("Content-Type", "application/partial-upload"),
                ]
                return await files.ask(.patch, "/files/\(id)", fields, Body(bytes: rest)).status
            case .range, .chunks:
                let fields = [("Content-Range", "bytes 1000-149999/150000")]
                return await files.ask(.put, "/v1/uploads/\(id)", fields, Body(bytes: rest)).status
            }
        case .complete: return await files.ask(.post, "/v1/uploads/\(id)/complete").status
        case .wrongComplete:
            let body = Body(bytes: JSON.object([("sha256", .string(other))]).bytes)
            return await files.ask(.post, "/v1/uploads/\(id)/complete", [], body).status
        case .delete: return await files.ask(.delete, "/files/\(id)", [FilesRig.tus]).status
        case .deletePart: return await files.ask(.delete, "/files/\(part)", [FilesRig.tus]).status
        case .expiry:
            files.rig.time.advance(.seconds(25 * 3600))
            do { _ = try await files.rig.service.sweep() } catch { Issue.record("the sweep failed: \(error)") }
            return 0
        case .recover:
            do { _ = try await files.rig.service.recover() } catch { Issue.record("the recovery failed: \(error)") }
            return 0
        }
    }

    private func check(_ upload: Case, _ answers: [(ender: Ender, status: Int)]) async throws {
        let rig = upload.files.rig
        let row = try #require(try await upload.files.row(upload.id))
        let part = try #require(try await upload.files.row(upload.part))
        let (events, jobs, track) = (try await rig.events(), try await rig.jobs(), try await rig.track(row))
        let hasBytes = rig.device.names.contains { $0.contains(upload.id) }
        let completers = answers.filter { [.last, .complete].contains($0.ender) && upload.kind != .concat }
        let acknowledged = completers.contains { (200..<300).contains($0.status) }
        let deleted = answers.contains { $0.ender == .delete && $0.status == 204 }
        for answer in answers {
            #expect(answer.status < 500, "\(answer)")
            if answer.ender == .wrongComplete { #expect([409, 410, 422].contains(answer.status)) }
            if answer.ender == .delete { #expect([204, 409, 410].contains(answer.status)) }
        }
        if acknowledged { #expect(events.first == .uploadCompleted, "a completion was acknowledged: \(row.state)") }
        #expect(deleted == (row.state == .cancelled) || upload.kind == .concat)
        switch row.state {
        case .receiving:
            // Nothing of it came to an end, and it can go on.
            #expect(events.isEmpty && hasBytes != (upload.kind == .concat) && !acknowledged)
            #expect(part.state == .receiving)
        case .verifying:
            #expect(events == [.uploadCompleted] && jobs == 1 && track?.state == .processing)
            #expect(hasBytes, "a loser removed the bytes")
            let sum = try await rig.service.gather(row).sha256
            #expect(sum == Hex.encode(SHA256.hash(Self.data)))
            let bytes = try DiskSpool(device: rig.device, durability: .full).open(row.id, creating: false)
            #expect(try bytes?.read(upTo: 150_001, at: 0) == Self.data)
            #expect(!completers.contains { $0.status == 410 }, "it is complete, and a completing request was 410")
        case .cancelled, .expired:
            let end: EventType = row.state == .cancelled ? .uploadCancelled : .uploadExpired
            #expect(events == [end] || events == [.uploadCompleted, .uploadCancelled])
            #expect(jobs == events.count - 1 && track?.state == .deleted && !hasBytes)
        case .failed:
            #expect(row.errorCode == .digestMismatch && events == [.trackFailed])
            #expect(jobs == 0 && track?.state == .failed && !hasBytes)
        default: Issue.record("it ended as \(row.state)")
        }
        if row.state != .receiving, part.id == row.id || part.state != .receiving {
            #expect(try await rig.reserved() == 0)
        }
    }
}
