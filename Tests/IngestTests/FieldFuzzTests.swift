import Core
import Crypto
import TestSupport
import Testing

@testable import Ingest

/// The field parsers of uploads on a corpus of mutations: nothing crashes, and what is accepted can be written again in
/// one way that reads the same.
@Suite(.timeLimit(.minutes(5))) struct FieldFuzzTests {
    private func texts(_ seeds: [String], words: [String] = [], count: Int = 20_000) -> [String] {
        Mutations(of: seeds, words: words, count: count).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `Content-Range is one of its three forms, to the letter`() {
        var accepted = 0
        for text in texts(
            ["bytes 0-99/200", "bytes 5-5/*", "bytes */200", "bytes */*"],
            words: ["bytes ", "0-1", "/", "*", "-", "999999999999999999", ",5-6/200"])
        {
            guard let range = ContentRange(text) else { continue }
            accepted += 1
            func number(_ total: Int64?) -> String { total.map(String.init) ?? "*" }
            let again =
                switch range {
                case .part(let part, let total): "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(number(total))"
                case .question(let total): "bytes */\(number(total))"
                }
            // Leading zeros are the only second writing.
            #expect(ContentRange(again) == range)
            #expect(again.filter { $0 != "0" } == text.filter { $0 != "0" }, "\(text.debugDescription)")
        }
        #expect(accepted > 300)
    }

    @Test func `Content-Digest has one reading of its SHA-256`() {
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        var accepted = 0
        for text in texts(
            ["sha-256=:\(zeros):", "sha-512=:YQ==:, sha-256=:\(zeros):", "unknown=:YQ==:"],
            words: ["sha-256=:\(zeros):", "SHA-256=", ", ", ":", "sha-256=:YQ==:", "=", "A"])
        {
            // Refusing is an answer; what is taken must be in the text, once.
            guard let digest = try? ContentDigest.parse(text) else { continue }
            accepted += 1
            #expect(text.contains("sha-256=:\(Base64.encode(digest.sha256)):"), "\(text.debugDescription)")
            #expect(!text.lowercased().replacing("sha-256", with: "").contains("sha-256") || !Self.differ(text))
        }
        #expect(accepted > 300)
    }

    /// Whether two members called sha-256 say different things.
    private static func differ(_ text: String) -> Bool {
        var values: Set<String> = []
        for member in text.split(separator: ",") {
            let member = member.drop { $0 == " " || $0 == "\t" }
            if member.lowercased().hasPrefix("sha-256=") { values.insert(String(member.dropFirst(8).prefix(46))) }
        }
        return values.count > 1
    }

    @Test func `Upload-Metadata gives each key the one value that a naive reader finds`() {
        var accepted = 0
        for text in texts(
            [
                "filename YS53YXY=,filetype YXVkaW8vd2F2,is_draft", "filename YS53YXY=, sha256 YWJj", "a,b,c",
                "trackId dHJrXzE=",
            ],
            words: ["filename ", "YS53YXY=", ",filename YQ==", " ,", ",,", "==", "YR==", "filename  ", "FILENAME YQ=="])
        {
            guard let metadata = try? TusMetadata(text) else { continue }
            accepted += 1
            var seen: Set<String> = []
            for pair in text.split(separator: ",") {
                let parts = pair.split(separator: " ")
                guard let key = parts.first.map({ String($0) }) else { continue }
                #expect(seen.insert(key).inserted, "\(text.debugDescription)")
                let value = parts.count > 1 ? Base64.decode(parts[1]) : []
                if key == "filename" {
                    #expect(metadata[key].map { Array($0.utf8) } == value, "\(text.debugDescription)")
                }
            }
        }
        #expect(accepted > 500)
    }

    @Test func `a structured number or boolean is what stands before its parameters`() {
        var accepted = 0
        for text in texts(
            ["123", "?1", "?0", "0;a=1", "42; x=\"y\"", "?1;q"],
            words: ["?1", "+5", "-1", "1.0", ";", "1e3", "999999999999999", "1000000000000000", ", 2", "\"1\""])
        {
            guard let item = StructuredItem(text) else { continue }
            accepted += 1
            let bare = text.split(separator: ";", omittingEmptySubsequences: false)[0].filter {
                $0 != " " && $0 != "\t"
            }
            switch item {
            case .integer(let number):
                #expect(Int64(bare) == number && number >= 0 && bare.count <= 15, "\(text.debugDescription)")
            case .boolean(let value): #expect(bare == (value ? "?1" : "?0"), "\(text.debugDescription)")
            }
        }
        #expect(accepted > 500)
    }

    @Test func `a checksum is written in one way`() {
        var accepted = 0
        for text in texts(
            ["sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "md5 1B2M2Y8AsgTpgAmY7PhCfg==", "crc32c AAAAAA=="],
            words: ["sha1 ", "SHA1 ", " ", "==", "=", "sha256 "])
        {
            guard let checksum = try? Checksum(field: text) else { continue }
            accepted += 1
            #expect("\(checksum.algorithm.rawValue) \(Base64.encode(checksum.bytes))" == text)
        }
        #expect(accepted > 100)
    }

    @Test func `a disposition names each parameter once, and no name leaves its folder`() {
        var accepted = 0
        for text in texts(
            [
                "form-data; name=\"file\"; filename=\"a b.wav\"", "attachment; filename=a.wav; x=y",
                "attachment; filename=\"x.wav\"; filename*=UTF-8''na%C3%AFve.wav",
                "multipart/form-data; boundary=\"a b\"",
            ],
            words: [
                "; filename=b", "; name=other", "; boundary=c", "filename*=", "UTF-8''", "../", "\\", "C:\\",
                "%2F..%2F",
                ";;", "=\"", "\";",
            ])
        {
            guard let field = ParameterizedField(text) else { continue }
            accepted += 1
            let written =
                field.value
                + field.parameters.map { name, value in
                    let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                    return "; \(name)=\"\(escaped)\""
                }.joined()
            #expect(ParameterizedField(written) == field, "\(text.debugDescription)")
            if let name = field.filename {
                #expect(!name.contains("/") && !name.contains("\\") && !name.isEmpty, "\(text.debugDescription)")
            }
        }
        #expect(accepted > 2_000)
    }

    @Test func `a form's parts are the same however it is cut`() {
        let form =
            "--XbarX\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhello\r\n"
            + "--XbarX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
            + "RIFF....WAVE\r\n--Xbar\r\r\n--XbarX--\r\n"
        let forms = Mutations(
            of: [form, "--XbarX--\r\n", "--XbarX\r\nContent-Disposition: form-data; name=file\r\n\r\n\r\n--XbarX--"],
            words: [
                "--XbarX\r\n", "--XbarX--", "\r\n--XbarX", "--XbarX \r\n",
                "Content-Disposition: form-data; name=\"file\"\r\n",
                "Content-Disposition : form-data; name=x\r\n", " folded\r\n", "Content-Type: text/plain\r\n",
                "Content-Transfer-Encoding: base64\r\n", "; name=\"other\"", "; name*=UTF-8''x", "--",
            ], count: 30_000)
        var accepted = 0
        for (number, bytes) in forms.enumerated() {
            var random = SplitMix(UInt64(number))
            let whole = Self.read(bytes, by: bytes.count + 1)
            #expect(whole == Self.read(bytes, by: Int.random(in: 1...20, using: &random)), "\(number)")
            guard let whole, whole.last == "closed" else { continue }
            accepted += 1
            let text = String(decoding: bytes, as: UTF8.self)
            // As many parts as a reader counts who knows nothing but the delimiter.
            let delimiters = ("\r\n" + text).split(separator: "\r\n--XbarX", omittingEmptySubsequences: false).count - 2
            #expect(whole.filter { $0.hasPrefix("part") }.count == delimiters, "\(text.debugDescription)")
        }
        #expect(accepted > 1_000)
    }

    /// The events with neighbouring bytes put together; nil where it is refused.
    private static func read(_ body: [UInt8], by size: Int) -> [String]? {
        guard var multipart = Multipart(contentType: "multipart/form-data; boundary=XbarX") else { return nil }
        var (found, bytes) = ([String](), [UInt8]())
        for start in stride(from: 0, to: body.count, by: size) {
            guard let events = try? multipart.feed(Array(body[start..<min(start + size, body.count)])) else {
                return nil
            }
            for event in events {
                switch event {
                case .part(let head): found.append("part \(head)")
                case .bytes(let some): bytes += some
                case .endOfPart:
                    found.append("\(bytes)")
                    bytes = []
                }
            }
        }
        return found + [multipart.isClosed ? "closed" : "open"]
    }

    @Test(arguments: [
        "Content-Disposition: form-data; name=\"file\"\r\nContent-Disposition : form-data; name=\"x\"\r\n",
        "Content-Disposition: form-data; name=\"file\"\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n",
        "Content-Disposition: form-data; name=\"file\"; name*=UTF-8''x\r\n",
        "Content-Disposition: form-data; name=\"file\"\r\n\tfolded: x\r\n",
        "Content-Disposition: form-data; name=\"file\"\r\nX\u{E9}: y\r\n",
    ])
    func `a part that two readers could take for different ones is refused`(head: String) throws {
        var multipart = try #require(Multipart(contentType: "multipart/form-data; boundary=b"))
        #expect(throws: MultipartFailure.self) { try multipart.feed(Array("--b\r\n\(head)\r\n".utf8)) }
    }

    @Test func `a part that begins with the boundary is refused, since it is empty to other readers`() throws {
        var multipart = try #require(Multipart(contentType: "multipart/form-data; boundary=b"))
        let form = "--b\r\nContent-Disposition: form-data; name=file\r\n\r\n--b"
        #expect(throws: MultipartFailure.boundaryInContent) { try multipart.feed(Array(form.utf8)) }
    }

    @Test(arguments: ["SHA-256=:YQ==:", "sha-256=:AAAA:, sha-256=:BBBB:", "sha-256=:YQ==:;p=\"", "sha-256"])
    func `a digest that two readers could take differently is refused`(text: String) {
        #expect(throws: IngestFailure.self) { try ContentDigest.parse(text) }
    }

    @Test func `a creation is never more than its bounds`() {
        let seed = "{\"filename\":\"a.wav\",\"size\":10,\"sha256\":null,\"chunkSize\":65536,\"metadata\":{\"a\":[1,2]}}"
        var accepted = 0
        for bytes in Mutations(
            of: [seed], words: ["\"size\":1,", "1e3", "-1", "{", "}", "[[[[", "\\u0000", "\\ud800", "null", "1.0"],
            count: 20_000)
        {
            guard let wish = try? NewUpload(json: bytes) else { continue }
            accepted += 1
            #expect(NewUpload.isFilename(wish.filename))
            #expect(wish.chunkSize.map { ChunkGeometry.wishes.contains($0) } ?? true)
        }
        #expect(accepted > 200)
    }
}
