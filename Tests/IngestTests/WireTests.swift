import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct WireTests {
    @Test func `Content-Range in its three forms`() {
        #expect(ContentRange("bytes 0-99/200") == .part(0..<100, total: 200))
        #expect(ContentRange("bytes 5-5/*") == .part(5..<6, total: nil))
        #expect(ContentRange("bytes */200") == .question(total: 200))
        #expect(ContentRange("bytes */*") == .question(total: nil))
    }

    @Test(arguments: [
        "", "bytes", "bytes ", "bytes 0-99", "bytes 99-0/200", "0-99/200", "bytes -1-99/200", "bytes 0-99/50",
        "bytes 0-99/99",
        "bytes 0-+99/200", "bytes 0-99/200,100-199/200", "items 0-99/200", "bytes  0-99/200", "bytes 0 - 99/200",
        "bytes 0-99/200 ",
        "bytes 0-99/", "bytes /200", "bytes -/200", "bytes 0-/200", "bytes 0-9999999999999999999/*", "bytes 0x0-99/200",
        "Bytes 0-99/200", "bytes 0-99/2/3", "bytes ٠-٩/200",
    ])
    func `no range`(_ text: String) { #expect(ContentRange(text) == nil) }

    @Test func `file names in every form that clients send`() {
        let names = [
            "attachment; filename=\"a.wav\"": "a.wav", "attachment; filename=a.wav": "a.wav",
            "ATTACHMENT;FILENAME=a.wav": "a.wav",
            "form-data; name=\"file\"; filename=\"q\\\"uote.mp3\"": "q\"uote.mp3",
            "attachment; filename=\"C:\\Music\\a.wav\"": "a.wav", "attachment; filename=\"../../etc/a.wav\"": "a.wav",
            "attachment; filename=\"x.wav\"; filename*=UTF-8''na%C3%AFve%20song.wav": "naïve song.wav",
            "attachment; filename*=utf-8'de'%e2%82%ac.wav": "€.wav",
            "attachment; filename=\"semi;colon.wav\"; x=y": "semi;colon.wav",
        ]
        for (field, name) in names { #expect(ParameterizedField(field)?.filename == name, "\(field)") }
    }

    @Test(arguments: [
        "", ";", "; filename=a", "attachment; filename", "attachment; filename=\"a", "attachment; filename=a b",
        "attachment; filename=a; filename=b", "attachment; filename=\"a\"b", "attachment; =a",
        "attachment filename=a; x",
    ])
    func `no disposition`(_ text: String) { #expect(ParameterizedField(text) == nil) }

    @Test(arguments: [
        "attachment; filename*=ISO-8859-1''a", "attachment; filename*=UTF-8''%zz", "attachment; filename*=UTF-8''%ff",
        "attachment; filename*=a.wav", "attachment", "attachment; filename=\"/\"",
    ])
    func `a disposition without a file name`(_ text: String) throws {
        #expect(try #require(ParameterizedField(text)).filename == nil)
    }

    @Test func `a quote with a combining mark behind it still ends the text`() {
        #expect(ParameterizedField("attachment; filename=\"a\"\u{301}b\"") == nil)
    }

    @Test func `Content-Digest gives its SHA-256`() throws {
        let zeros = [UInt8](repeating: 0, count: 32)
        let text = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        #expect(try ContentDigest.parse("sha-256=:\(text):") == ContentDigest(sha256: zeros))
        #expect(try ContentDigest.parse("sha-512=:YQ==:,  sha-256=:\(text):") == ContentDigest(sha256: zeros))
        #expect(try ContentDigest.parse("unknown=:YQ==:") == nil)
    }

    @Test(arguments: [
        "", "sha-256", "sha-256=nonsense", "sha-256=:YQ==:", "sha-256=:!!!!:", "sha-256=:YQ==", "sha-256=\"YQ==\"",
        "=:YQ==:",
        "unknown=:YQ==:,", "unknown=:YQ==: x", "unknown=:YQ:",
    ])
    func `no digest`(_ text: String) { #expect(throws: IngestFailure.self) { try ContentDigest.parse(text) } }
}
