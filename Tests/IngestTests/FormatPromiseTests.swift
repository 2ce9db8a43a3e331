import Core
import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct FormatPromiseTests {
    @Test func `a name of ours promises its format, whatever the type says`() throws {
        #expect(try FormatPromise(filename: "a.WAV", contentType: "audio/mpeg").format == .wav)
        #expect(try FormatPromise(filename: "a", contentType: "Audio/MPEG; x=y").format == .mp3)
    }

    @Test func `an undeclared file promises nothing, and no bytes break that`() throws {
        let promise = try FormatPromise(filename: "song", contentType: "application/octet-stream")
        #expect(promise.format == nil)
        try promise.judge(Array("words".utf8))
    }

    @Test(arguments: ["a.exe", "a.mp3.html", "a.pdf", "a.mp33"])
    func `an extension nobody takes is refused`(_ name: String) {
        #expect(throws: IngestFailure.self) { try FormatPromise(filename: name, contentType: "audio/mpeg") }
    }

    @Test func `a type nobody takes is refused where the name says nothing`() {
        #expect(throws: IngestFailure.self) { try FormatPromise(filename: "a", contentType: "text/html") }
    }

    @Test func `bytes of another kind are refused`() throws {
        let promise = try FormatPromise(filename: "a.mp3", contentType: nil)
        #expect(throws: IngestFailure.self) {
            try promise.judge(Array(String(repeating: "words, no music. ", count: 40).utf8))
        }
        #expect(throws: IngestFailure.self) { try promise.judge(wav(600)) }
        try FormatPromise(filename: "a.wav", contentType: nil).judge(wav(600))
    }
}
