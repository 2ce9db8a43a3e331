import Access
import Core
import Crypto
import HTTPServer
import Testing

@testable import Ingest

/// The routes from a request to an answer, in memory.
@Suite(.timeLimit(.minutes(5))) struct UploadRoutesTests {
    private let rig: ServiceRig
    private let router: Router
    private let data = wav(150_000)

    init() throws {
        let rig = try ServiceRig()
        var router = Router()
        UploadRoutes(
            service: rig.service,
            tokens: UploadToken(secrets: [Array("a secret of at least 32 characters".utf8)]),
            base: { _ in "http://here" },
            authorize: { request, permission in
                guard let user = request.fields["authorization"] else { throw Refusal(.unauthorized) }
                let principal = Principal(
                    tenant: .operatorsOwn, user: named(user),
                    permissions: user == "manager" ? [.manageTracks] : [.uploadAudio])
                guard principal.permissions.contains(permission) else { throw Refusal(.forbidden) }
                return principal
            }
        ).register(on: &router)
        (self.rig, self.router) = (rig, router)
    }

    private func ask(
        _ method: Method, _ target: String, _ body: [UInt8] = [], user: String? = "user-1",
        _ fields: [(String, String)] = []
    ) async throws -> Answer {
        let user = user.map { [("Authorization", $0)] } ?? []
        let response = await router.respond(to: Request(method, target, fields: fields + user, body: Body(bytes: body)))
        guard case .bytes(let bytes) = response.body else { return Answer(response: response, json: .null) }
        return Answer(response: response, json: try JSON.parse(bytes))
    }

    private struct Answer {
        let response: Response
        let json: JSON
        var status: Int { response.status }
        var data: JSON { json["data"] ?? .null }
        var code: String? { json["error"]?["code"]?.string }
    }

    private func create(_ json: String = #"{"filename":"a.wav","size":150000,"chunkSize":65536}"#) async throws
        -> Answer
    {
        try await ask(.post, "/v1/uploads", Array(json.utf8))
    }

    private func chunk(_ index: Int) -> [UInt8] { Array(data[index * 65_536..<min(data.count, (index + 1) * 65_536)]) }

    @Test func `created, chunk by chunk, completed, looked at`() async throws {
        let created = try await create()
        #expect(
            created.status == 201 && created.data["chunkCount"]?.integer == 3
                && created.data["chunkSize"]?.integer == 65_536)
        let id = try #require(created.data["id"]?.string)
        #expect(created.response["X-Upload-Id"] == id)
        #expect(created.response["X-Track-Id"] == created.data["trackId"]?.string)
        for index in 0..<3 {
            #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/\(index)", chunk(index)).status == 201)
        }
        #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/1", chunk(1)).status == 200)
        let completed = try await ask(.post, "/v1/uploads/\(id)/complete", Array("{}".utf8))
        #expect(completed.status == 202 && completed.data["sha256"]?.string == Hex.encode(SHA256.hash(data)))
        let shown = try await ask(.get, "/v1/uploads/\(id)")
        #expect(shown.data == completed.data)
        #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/1", chunk(0)).code == "CHUNK_CONFLICT")
        #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/1", chunk(1)).status == 200)
    }

    @Test(arguments: [
        "", "{", "[]", "null", "\"a\"", "{\"filename\":\"a.wav\"}", "{\"filename\":\"a.wav\",\"size\":\"1\"}",
        "{\"filename\":\"a.wav\",\"size\":1.5}", "{\"filename\":\"a.wav\",\"size\":0}",
        "{\"filename\":\"a.wav\",\"size\":-1}",
        "{\"filename\":null,\"size\":1}", "{\"filename\":\"\",\"size\":1}",
        "{\"filename\":\"a.wav\",\"size\":1,\"chunkSize\":0}",
        "{\"filename\":\"a.wav\",\"size\":1,\"chunkSize\":\"8\"}",
        "{\"filename\":\"a.wav\",\"size\":1,\"sha256\":\"xyz\"}",
        "{\"filename\":\"a.wav\",\"size\":1,\"trackId\":\"../x\"}",
        "{\"filename\":\"a.wav\",\"size\":1,\"metadata\":[]}",
        "{\"filename\":\"a\\u0000.wav\",\"size\":1}",
        "{\"filename\":\"a.wav\",\"size\":1000000000000000000000000000000}",
    ])
    func `no creation`(_ json: String) async throws {
        let answer = try await create(json)
        #expect(answer.status == 400 && answer.code == "INVALID_REQUEST", "\(json)")
        #expect(answer.json["requestId"]?.string?.isEmpty == false)
    }

    @Test func `refusals say which field, its value and what was expected`() async throws {
        let answer = try await create(#"{"filename":"a.wav","size":1,"chunkSize":5}"#)
        #expect(answer.json["error"]?["message"]?.string == "chunkSize is 5, expected 65536 to 67108864.")
    }

    @Test func `too large is 413, a foreign extension or type 415`() async throws {
        #expect(try await create(#"{"filename":"a.wav","size":104857601}"#).code == "FILE_TOO_LARGE")
        #expect(try await create(#"{"filename":"a.exe","size":1}"#).code == "UNSUPPORTED_FORMAT")
        let zip = #"{"filename":"a.wav","size":1,"contentType":"application/zip"}"#
        #expect(try await create(zip).code == "UNSUPPORTED_FORMAT")
        let simple = try await ask(
            .post, "/v1/uploads/simple?filename=a", wav(600), [("Content-Type", "application/pdf")])
        #expect(simple.code == "UNSUPPORTED_FORMAT")
    }

    @Test(arguments: [
        #"{"filename":"Symphony No. 5","size":600}"#, #"{"filename":"Mix v1.2","size":600}"#,
        #"{"filename":"x.flac (1)","size":600}"#, #"{"filename":"song","size":600,"contentType":"audio/*"}"#,
        #"{"filename":"song","size":600,"contentType":"audio/mp4a-latm"}"#,
    ])
    func `an unknown ending or type is undeclared, and the upload completes`(_ json: String) async throws {
        let made = try await create(json)
        #expect(made.status == 201)
        let id = try #require(made.data["id"]?.string)
        #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/0", wav(600)).status == 201)
        #expect(try await ask(.post, "/v1/uploads/\(id)/complete").status == 202)
    }

    @Test func `a simple upload with an unknown ending is accepted`() async throws {
        let answer = try await ask(
            .post, "/v1/uploads/simple?filename=Symphony%20No.%205", wav(600), [("Content-Type", "audio/*")])
        #expect(answer.status == 202)
    }

    @Test(arguments: [
        (#""size":"150000""#, #"size is "150000", expected a whole number of bytes from 1."#),
        (#""size":null"#, "size is null, expected a whole number of bytes from 1."),
        (#""size":1e300"#, "size is 1e+300, expected a whole number of bytes from 1."),
        (#""size":-5"#, "size is -5, expected a number of bytes from 1."),
        (#""size":[1]"#, "size is [1], expected a whole number of bytes from 1."),
        (#""size":{}"#, "size is {}, expected a whole number of bytes from 1."),
        (#""size":true"#, "size is true, expected a whole number of bytes from 1."),
        (#""size":1,"chunkSize":1e300"#, "chunkSize is 1e+300, expected 65536 to 67108864."),
        (#""size":1,"chunkSize":[]"#, "chunkSize is [], expected 65536 to 67108864."),
        (#""size":1,"contentType":5"#, "contentType is 5, expected a media type."),
        (#""size":1,"sha256":{}"#, "sha256 is {}, expected 64 hexadecimal digits."),
        (#""size":1,"trackId":7"#, "trackId is 7, expected 1 to 64 of A-Z a-z 0-9 _ -."),
        (#""size":1,"metadata":"x""#, #"metadata is "x", expected an object of at most 16384 bytes."#),
    ])
    func `a member of another type is 400, and the sentence has both sides`(_ members: String, _ sentence: String)
        async throws
    {
        let answer = try await create("{\"filename\":\"a.wav\",\(members)}")
        #expect(answer.status == 400)
        #expect(answer.json["error"]?["message"]?.string == sentence)
    }

    @Test func `incomplete names what is missing in details`() async throws {
        let id = try #require(try await create().data["id"]?.string)
        _ = try await ask(.put, "/v1/uploads/\(id)/chunks/1", chunk(1))
        let answer = try await ask(.post, "/v1/uploads/\(id)/complete")
        #expect(answer.status == 409 && answer.code == "UPLOAD_INCOMPLETE")
        #expect(answer.json["error"]?["details"] == [["missing": [0, 2]]])
    }

    @Test func `wrong lengths, indices and digests are 400 and count nothing`() async throws {
        let id = try #require(try await create().data["id"]?.string)
        for body in [[], Array(chunk(0).dropLast()), chunk(0) + [1]] {
            #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/0", body).status == 400)
        }
        for index in ["3", "-1", "x", "1.0", "%2e%2e", "1000000000000"] {
            #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/\(index)", chunk(0)).status == 400)
        }
        let wrong = [("Content-Digest", "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:")]
        #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/0", chunk(0), wrong).code == "CHECKSUM_MISMATCH")
        let malformed = [("Content-Digest", "sha-256=nonsense")]
        #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/0", chunk(0), malformed).code == "INVALID_REQUEST")
        #expect(try await ask(.get, "/v1/uploads/\(id)").data["received"] == [])
    }

    @Test func `Content-Range answers 308 with Range, and 200 at the end`() async throws {
        let id = try #require(try await create().data["id"]?.string)
        func put(_ field: String, _ body: [UInt8]) async throws -> Answer {
            try await ask(.put, "/v1/uploads/\(id)", body, [("Content-Range", field)])
        }
        let asked = try await put("bytes */150000", [])
        #expect(asked.status == 308 && asked.response["Range"] == nil)
        let begun = try await put("bytes 0-99999/150000", Array(data[..<100_000]))
        #expect(begun.status == 308 && begun.response["Range"] == "bytes=0-99999")
        #expect(try await put("bytes 0-9/150000", Array(data[..<11])).status == 400)
        #expect(try await put("bytes 9-0/150000", []).status == 400)
        #expect(try await put("bytes 100000-149999/*", Array(data[100_000...])).status == 200)
        #expect(try await put("bytes */150000", []).status == 200)
    }

    @Test func `another user finds nothing, nobody is asked to sign in`() async throws {
        let id = try #require(try await create().data["id"]?.string)
        #expect(try await ask(.get, "/v1/uploads/\(id)", user: "user-2").status == 404)
        #expect(try await ask(.get, "/v1/uploads/\(id)", user: nil).status == 401)
        #expect(try await ask(.delete, "/v1/uploads/\(id)", user: "user-2").status == 404)
        #expect(try await ask(.get, "/v1/uploads/\(id)", user: "manager").status == 200)
        #expect(try await ask(.post, "/v1/uploads", user: "manager").status == 403)
        #expect(try await ask(.delete, "/v1/uploads/\(id)").status == 204)
        #expect(try await ask(.get, "/v1/uploads/\(id)").data["state"]?.string == "cancelled")
        #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/0", chunk(0)).status == 410)
    }

    @Test func `the token in the upload's address does without a key, for that upload alone`() async throws {
        let created = try await create()
        let id = try #require(created.data["id"]?.string)
        let url = try #require(created.data["urls"]?["upload"]?.string)
        #expect(url.hasPrefix("http://here/v1/uploads/\(id)?token="))
        let token = try #require(url.split(separator: "=").last)
        #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/0?token=\(token)", chunk(0), user: nil).status == 201)
        let other = try #require(try await create().data["id"]?.string)
        #expect(try await ask(.put, "/v1/uploads/\(other)/chunks/0?token=\(token)", chunk(0), user: nil).status == 401)
        #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/1?token=\(token)x", chunk(1), user: nil).status == 401)
        rig.time.advance(.seconds(86_400))
        #expect(try await ask(.put, "/v1/uploads/\(id)/chunks/1?token=\(token)", chunk(1), user: nil).status == 401)
    }

    private func form(_ content: [UInt8], name: String = "file") -> [UInt8] {
        Array("--X\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhello\r\n".utf8)
            + Array("--X\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"a.wav\"\r\n\r\n".utf8)
            + content
            + Array("\r\n--X--\r\n".utf8)
    }
    private let multipart = [("Content-Type", "multipart/form-data; boundary=X")]

    @Test func `a whole file as a form, raw by query, raw by disposition`() async throws {
        let disposition = [("Content-Disposition", "attachment; filename=\"a.wav\""), ("Content-Type", "audio/wav")]
        for (target, body, fields) in [
            ("/v1/uploads/simple", form(data), multipart), ("/v1/uploads/simple?filename=a.wav", data, []),
            ("/v1/uploads/simple", data, disposition),
        ] {
            let answer = try await ask(.post, target, body, fields)
            #expect(answer.status == 202 && answer.data["sha256"]?.string == Hex.encode(SHA256.hash(data)))
            #expect(answer.response["X-Track-Id"] == answer.data["trackId"]?.string)
        }
        #expect(try await rig.jobs() == 3)
    }

    @Test func `broken forms are 400 and leave nothing`() async throws {
        let whole = form(data)
        for body in [
            Array(whole.dropLast(9)), [], Array("--X--\r\n".utf8), Array(whole.dropFirst(2)), form(data, name: "other"),
            form([]),
        ] {
            #expect(try await ask(.post, "/v1/uploads/simple", body, multipart).status == 400)
        }
        let twice = Array(whole.dropLast(7)) + Array(whole)
        #expect(try await ask(.post, "/v1/uploads/simple", twice, multipart).status == 400)
        #expect(
            try await ask(.post, "/v1/uploads/simple", whole, [("Content-Type", "multipart/form-data")]).status == 400)
        #expect(try await ask(.post, "/v1/uploads/simple", data).status == 400)
        #expect(rig.device.names.isEmpty)
        #expect(try await rig.events().isEmpty)
    }

    @Test func `a raw file with a wrong digest leaves nothing`() async throws {
        let fields = [("Content-Digest", "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:")]
        #expect(try await ask(.post, "/v1/uploads/simple?filename=a.wav", data, fields).code == "CHECKSUM_MISMATCH")
        #expect(rig.device.names.isEmpty)
    }

    @Test func `the limits are those that hold`() async throws {
        let limits = try await ask(.get, "/api/v1/upload/limits", user: nil).data
        #expect(limits["audio"]?["max_size_bytes"]?.integer == 100 << 20)
        #expect(limits["audio"]?["formats"]?.array?.contains("flac") == true)
        #expect(limits["max_duration_seconds"]?.integer == 21_600)
        #expect(limits["uploads_per_hour"]?.integer == 10)
    }
}
