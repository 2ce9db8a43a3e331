import Core
import Crypto
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// IETF resumable uploads as each client version speaks them.
@Suite(.timeLimit(.minutes(5))) struct ResumableTests {
    private let files: FilesRig
    private let data = wav(150_000)

    init() throws { files = try FilesRig() }

    private func fields(_ version: InteropVersion, complete: Bool) -> [(String, String)] {
        version.echo + [version.complete(complete)]
    }

    private func post(
        _ version: InteropVersion, complete: Bool, _ body: Body, _ more: [(String, String)] = []
    ) async -> Response {
        let name = ("Content-Disposition", "attachment; filename=\"a.wav\"")
        return await files.ask(.post, "/files", fields(version, complete: complete) + [name] + more, body)
    }

    private func patch(
        _ version: InteropVersion, _ id: String, _ offset: Int, complete: Bool, _ body: [UInt8],
        _ more: [(String, String)] = []
    ) async -> Response {
        let type = version.wantsMediaType ? [("Content-Type", "application/partial-upload")] : []
        return await files.ask(
            .patch, "/files/\(id)",
            fields(version, complete: complete) + [("Upload-Offset", String(offset))] + type + more, Body(bytes: body))
    }

    @Test(arguments: InteropVersion.allCases)
    func `a file that is too large is answered 413 with the limit`(_ version: InteropVersion) async throws {
        let limit = files.rig.service.limits.largest
        let answer = await post(version, complete: false, Body(bytes: data), [("Upload-Length", String(limit + 1))])
        #expect(answer.status == 413)
        #expect(answer["Upload-Limit"] == "max-size=\(limit)")
        #expect(answer["Content-Type"] == "application/problem+json")
    }

    @Test func `a ledger that is away is answered in the client's own protocol`() async throws {
        files.rig.failing.fail("upload.create", times: 2)
        let problem = await post(.rfc, complete: false, Body(bytes: data), [("Upload-Length", "200000")])
        #expect(problem.status == 503 && problem["Retry-After"] == "5")
        #expect(problem["Content-Type"] == "application/problem+json" && problem.fault == "The test says so.")
        let tus = await files.tusPost([("Upload-Length", "200000"), FilesRig.metadata("a.wav")])
        #expect(tus.status == 503 && tus["Retry-After"] == "5" && tus["Tus-Resumable"] == "1.0.0")
        #expect(tus.fault == "The test says so.")
    }

    private func head(_ version: InteropVersion, _ id: String) async -> Response {
        // The RFC's form has no field of its own: its client says nothing.
        await files.ask(.head, "/files/\(id)", version.echo)
    }

    private func isComplete(_ answer: Response, _ version: InteropVersion) -> Bool? {
        let (name, value) = version.complete(true)
        return answer[name].map { $0 == value }
    }

    @Test(arguments: InteropVersion.allCases)
    func `a file in one request is complete`(_ version: InteropVersion) async throws {
        let made = await post(version, complete: true, Body(bytes: data))
        #expect(made.status == 201 && made["Upload-Offset"] == "150000" && isComplete(made, version) == true)
        let id = try #require(made["X-Upload-Id"])
        #expect(made["Location"] == "http://here/files/\(id)")
        #expect(made["Upload-Draft-Interop-Version"] == (version == .rfc ? nil : version.rawValue))
        let row = try #require(try await files.row(id))
        #expect(row.protocol == .ietf && row.state == .verifying && row.filename == "a.wav")
        #expect(made["Repr-Digest"] == "sha-256=:\(Base64.encode(SHA256.hash(data))):")
        #expect(try await files.rig.jobs() == 1)
    }

    @Test(arguments: InteropVersion.allCases)
    func `a file in several requests is complete by the client's word`(_ version: InteropVersion) async throws {
        let made = await post(
            version, complete: false, Body(bytes: Array(data[..<1000])), [("Upload-Length", "150000")])
        #expect(made.status == 201 && made["Upload-Offset"] == "1000" && isComplete(made, version) == false)
        let id = try #require(made["X-Upload-Id"])
        let asked = await head(version, id)
        #expect(asked.status == 204 && asked["Upload-Offset"] == "1000" && asked["Upload-Length"] == "150000")
        #expect(isComplete(asked, version) == false && asked["Cache-Control"] == "no-store")
        #expect(asked["Upload-Limit"]?.hasPrefix("max-size=104857600") == true)

        let appended = await patch(version, id, 1000, complete: false, Array(data[1000..<150_000]))
        #expect(appended.status == version.appendedStatus && appended["Upload-Offset"] == "150000")
        // All is there, and the client has not said so.
        #expect(isComplete(appended, version) == false)
        #expect(try await files.row(id)?.state == .receiving)

        let last = await patch(version, id, 150_000, complete: true, [])
        #expect(last.status == 200 && isComplete(last, version) == true)
        #expect(try await files.row(id)?.sha256 == Hex.encode(SHA256.hash(data)))
        // The final answer was lost: asked again, it comes again.
        let again = await patch(version, id, 150_000, complete: true, [])
        #expect(again.status == 200 && again["Upload-Offset"] == "150000" && isComplete(again, version) == true)
        #expect(try await files.rig.jobs() == 1)
        #expect(isComplete(await head(version, id), version) == true)
    }

    @Test func `a length that nobody said is where the last request ends`() async throws {
        let made = await post(.rfc, complete: false, .chunked(TestSource(Array(data[..<70_000]), piece: 10_000)))
        let id = try #require(made["X-Upload-Id"])
        #expect(await head(.rfc, id)["Upload-Length"] == nil)
        let last = await files.ask(
            .patch, "/files/\(id)",
            [
                ("Upload-Complete", "?1"), ("Upload-Offset", "70000"), ("Content-Type", "application/partial-upload"),
            ], .chunked(TestSource(Array(data[70_000...]), piece: 10_000)))
        #expect(last.status == 200)
        let row = try #require(try await files.row(id))
        #expect(row.size == 150_000 && row.sha256 == Hex.encode(SHA256.hash(data)))
    }

    @Test func `another offset is 409 with the problem's type and both offsets`() async throws {
        let id = try #require(
            await post(.rfc, complete: false, Body(bytes: Array(data[..<1000])))["X-Upload-Id"])
        let answer = await patch(.rfc, id, 999, complete: false, [1])
        #expect(answer.status == 409 && answer["Upload-Offset"] == "1000" && answer["Upload-Complete"] == "?0")
        #expect(answer["Content-Type"] == "application/problem+json")
        let problem = try JSON.parse(answer.bytes)
        #expect(problem["type"]?.string?.hasSuffix("#mismatching-upload-offset") == true)
        #expect(problem["expected-offset"]?.integer == 1000 && problem["provided-offset"]?.integer == 999)
    }

    @Test func `another offset of what is complete is 409, and says that it is complete`() async throws {
        let id = try #require(await post(.rfc, complete: true, Body(bytes: data))["X-Upload-Id"])
        let answer = await patch(.rfc, id, 10, complete: false, [1])
        #expect(answer.status == 409 && answer["Upload-Complete"] == "?1")
    }

    @Test func `what is complete takes no byte, and says so`() async throws {
        let id = try #require(await post(.rfc, complete: true, Body(bytes: data))["X-Upload-Id"])
        let answer = await patch(.rfc, id, 150_000, complete: false, [1])
        #expect(answer.status == 400 && answer["Upload-Complete"] == "?1")
        #expect(try JSON.parse(answer.bytes)["type"]?.string?.hasSuffix("#completed-upload") == true)
        #expect(await head(.rfc, id)["Upload-Offset"] == "150000")
    }

    @Test func `lengths that contradict each other are 400`() async throws {
        let made = await post(.rfc, complete: true, Body(bytes: data), [("Upload-Length", "149999")])
        #expect(made.status == 400)
        #expect(try JSON.parse(made.bytes)["type"]?.string?.hasSuffix("#inconsistent-upload-length") == true)
        let id = try #require(
            await post(.rfc, complete: false, Body(bytes: [UInt8](data[..<10])), [("Upload-Length", "150000")])[
                "X-Upload-Id"])
        #expect(await patch(.rfc, id, 10, complete: true, Array(data[10..<20])).status == 400)
        #expect(await patch(.rfc, id, 10, complete: false, [1], [("Upload-Length", "20")]).status == 400)
        #expect(await head(.rfc, id)["Upload-Offset"] == "10")
    }

    @Test func `more bytes than said are 400, and end the upload`() async throws {
        let id = try #require(
            await post(.rfc, complete: false, Body(bytes: Array(data[..<10])), [("Upload-Length", "1000")])[
                "X-Upload-Id"])
        let answer = await patch(.rfc, id, 10, complete: false, Array(data[10..<1001]))
        #expect(answer.status == 400 && answer["Upload-Complete"] == "?0")
        #expect(await head(.rfc, id).status == 410)
        #expect(files.rig.device.names.isEmpty)
    }

    @Test func `a body with another digest does not count`() async throws {
        let id = try #require(
            await post(.rfc, complete: false, Body(bytes: Array(data[..<1000])))["X-Upload-Id"])
        let wrong = ("Content-Digest", "sha-256=:\(Base64.encode(SHA256.hash("other"))):")
        #expect(await patch(.rfc, id, 1000, complete: false, Array(data[1000..<2000]), [wrong]).status == 400)
        #expect(
            await patch(.rfc, id, 1000, complete: false, [1], [("Content-Digest", "sha-256=nothing")]).status == 400)
        #expect(await head(.rfc, id)["Upload-Offset"] == "1000")
        let right = ("Content-Digest", "md5=:AA==:, sha-256=:\(Base64.encode(SHA256.hash(Array(data[1000..<2000])))):")
        #expect(await patch(.rfc, id, 1000, complete: false, Array(data[1000..<2000]), [right]).status == 204)
        #expect(await head(.rfc, id)["Upload-Offset"] == "2000")
    }

    @Test func `a file with another digest than was declared is 422, and failed`() async throws {
        let declared = ("Repr-Digest", "sha-256=:\(Base64.encode(SHA256.hash("other"))):")
        #expect(await post(.rfc, complete: true, Body(bytes: data), [declared]).status == 422)
        let made = await post(
            .rfc, complete: false, Body(bytes: Array(data[..<1000])), [declared, ("Upload-Length", "150000")])
        let id = try #require(made["X-Upload-Id"])
        let answer = await patch(.rfc, id, 1000, complete: true, Array(data[1000...]))
        #expect(answer.status == 422)
        #expect(try await files.row(id)?.state == .failed)
    }

    @Test(arguments: InteropVersion.allCases)
    func `since draft 04 what is appended bears its media type`(_ version: InteropVersion) async throws {
        let id = try #require(await post(version, complete: false, Body(bytes: Array(data[..<10])))["X-Upload-Id"])
        let answer = await files.ask(
            .patch, "/files/\(id)", fields(version, complete: false) + [("Upload-Offset", "10")],
            Body(bytes: Array(data[10..<20])))
        #expect(answer.status == (version.wantsMediaType ? 415 : 201))
    }

    @Test func `fields that are no structured items are 400`() async throws {
        for value in ["1", "true", "?2", "?1?", "", "?1;", "(?1)"] {
            let answer = await files.ask(.post, "/files", [("Upload-Complete", value)], Body(bytes: data))
            #expect(answer.status == 400, "\(value)")
        }
        for value in ["-1", "1.0", "+1", "1000000000000000", "\"1\""] {
            let answer = await post(.rfc, complete: false, .empty, [("Upload-Length", value)])
            #expect(answer.status == 400, "\(value)")
        }
        #expect(await files.ask(.post, "/files", [("Upload-Complete", "?1;a=1")], Body(bytes: data)).status == 201)
    }

    @Test func `a version that nobody knows is answered as the RFC's form`() async {
        let answer = await files.ask(
            .post, "/files", [("Upload-Draft-Interop-Version", "99"), ("Upload-Complete", "?1")], Body(bytes: data))
        #expect(answer.status == 201 && answer["Upload-Draft-Interop-Version"] == nil)
    }

    @Test func `a question for the offset says nothing of the upload itself`() async throws {
        let id = try #require(await post(.rfc, complete: false, Body(bytes: Array(data[..<10])))["X-Upload-Id"])
        #expect(await files.ask(.head, "/files/\(id)", [("Upload-Offset", "1")]).status == 400)
        #expect(await files.ask(.head, "/files/\(id)", [("Upload-Complete", "?0")]).status == 400)
        // Who says no protocol learns what both would be told.
        let both = await files.ask(.get, "/files/\(id)")
        #expect(both["Upload-Offset"] == "10" && both["Upload-Complete"] == "?0" && both["Tus-Resumable"] == "1.0.0")
    }

    @Test(arguments: InteropVersion.allCases)
    func `what is deleted is gone`(_ version: InteropVersion) async throws {
        let id = try #require(await post(version, complete: false, Body(bytes: Array(data[..<10])))["X-Upload-Id"])
        #expect(await files.ask(.delete, "/files/\(id)", version.echo).status == 204)
        #expect(await head(version, id).status == 410)
        #expect(await patch(version, id, 10, complete: true, [1]).status == 410)
        #expect(files.rig.device.names.isEmpty)
    }

    @Test func `the other protocol's client writes nothing`() async throws {
        let id = try #require(await post(.rfc, complete: false, Body(bytes: Array(data[..<10])))["X-Upload-Id"])
        #expect(await files.tusPatch(id, 10, [1]).status == 409)
        #expect(await files.tusHead(id)["Upload-Offset"] == "10")
        let tus = await files.tusNew(150_000)
        #expect(await patch(.rfc, tus, 0, complete: false, [1]).status == 409)
    }

    @Test func `a last request that is cut off completes nothing, whatever its head said`() async throws {
        let made = await post(.rfc, complete: false, .empty, [("Upload-Length", "150000")])
        let id = try #require(made["X-Upload-Id"])
        let cut = await files.ask(
            .patch, "/files/\(id)",
            [("Upload-Complete", "?1"), ("Upload-Offset", "0"), ("Content-Type", "application/partial-upload")],
            .chunked(TestSource(data, piece: 10_000, end: .cut)))
        #expect(cut.status == 400)
        let asked = await head(.rfc, id)
        #expect(asked["Upload-Offset"] == "150000" && asked["Upload-Complete"] == "?0")
        #expect(await patch(.rfc, id, 150_000, complete: true, []).status == 200)
        #expect(try await files.row(id)?.sha256 == Hex.encode(SHA256.hash(data)))
    }

    @Test func `a restart knows that the client said it was all`() async throws {
        let made = await post(.rfc, complete: false, Body(bytes: Array(data[..<1000])), [("Upload-Length", "150000")])
        let id = try #require(made["X-Upload-Id"])
        _ = await patch(.rfc, id, 1000, complete: false, Array(data[1000...]))
        let again = FilesRig(try files.rig.restarted())
        #expect(try await again.rig.service.recover() == Recovery(receiving: 1))
        #expect(try await again.row(id)?.state == .receiving)
    }
}
