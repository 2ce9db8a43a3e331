import Core
import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct FormatPromiseTests {
    @Test func `a name of ours promises its format, whatever the type says`() {
        #expect(FormatPromise(filename: "a.WAV", contentType: "audio/mpeg").format == .wav)
        #expect(FormatPromise(filename: "a", contentType: "Audio/MPEG; x=y").format == .mp3)
        #expect(FormatPromise(filename: "Symphony No. 5", contentType: "audio/flac").format == .flac)
    }

    @Test func `an undeclared file promises nothing, and no bytes break that`() throws {
        let promise = FormatPromise(filename: "song", contentType: "application/octet-stream")
        #expect(promise.format == nil)
        try promise.judge(Array("words".utf8))
    }

    @Test(arguments: [
        "Symphony No. 5", "Mix v1.2", "x.flac (1)", "a.mp33", "a.", ".", "...", "Amazon.com", "1999.12.31",
        "Op. 9 No. 2",
        "a.wma", "Gasoline (feat. Dr. No)", "a.mp3 ", "Lied.", "tape.MID",
    ])
    func `an ending that is not in the table declares nothing`(_ name: String) throws {
        try FormatPromise.mustNotBeForeign(filename: name, contentType: nil)
        #expect(FormatPromise(filename: name, contentType: nil).format == nil)
    }

    @Test(arguments: [
        "audio/*", "audio/mp4a-latm", "audio/x-unknown", "application/octet-stream", "binary/octet-stream", "*/*",
        "audio",
        "video/quicktime", "application/x-www-form-urlencoded", "",
    ])
    func `a type that is not in the table declares nothing`(_ type: String) throws {
        try FormatPromise.mustNotBeForeign(filename: "song", contentType: type)
        #expect(FormatPromise(filename: "song", contentType: type).format == nil)
    }

    @Test(arguments: ["a.exe", "a.mp3.HTML", "a.pdf", "cover.JPeG", "album.zip", "notes.txt"])
    func `a foreign extension is rejected, whatever the type says`(_ name: String) {
        #expect(throws: IngestFailure.self) {
            try FormatPromise.mustNotBeForeign(filename: name, contentType: "audio/mpeg")
        }
    }

    @Test(arguments: [
        "application/zip", "Application/PDF; x=y", "text/html", "text/plain;charset=utf-8", "image/x-anything",
        "application/x-msdownload", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ])
    func `a foreign type is rejected, whatever the name says`(_ type: String) {
        for name in ["a", "a.flac", "Symphony No. 5"] {
            #expect(throws: IngestFailure.self) {
                try FormatPromise.mustNotBeForeign(filename: name, contentType: type)
            }
        }
    }

    @Test func `the table lists nothing of ours`() {
        for format in AudioFormat.allCases {
            #expect(ForeignFormat(fileExtension: format.rawValue) == nil)
            #expect(ForeignFormat(contentType: format.contentType) == nil)
        }
        for kind in ForeignFormat.allCases {
            for name in kind.extensions {
                #expect(AudioFormat(fileExtension: name) == nil && name == name.lowercased())
            }
            for type in kind.types { #expect(AudioFormat(contentType: type) == nil && type == type.lowercased()) }
        }
    }

    @Test func `the sentence names what was declared, its kind and the formats that are supported`() throws {
        #expect {
            try FormatPromise.mustNotBeForeign(filename: "a.ZIP", contentType: nil)
        } throws: {
            ($0 as? IngestFailure)?.message
                == "The file name ends in .ZIP (archive). Supported formats: mp3, wav, flac, ogg, opus, m4a, aac, aiff, "
                + "caf, mka, mp4, webm."
        }
    }

    @Test func `bytes of another kind are rejected`() throws {
        let promise = FormatPromise(filename: "a.mp3", contentType: nil)
        #expect(throws: IngestFailure.self) {
            try promise.judge(Array(String(repeating: "words, no music. ", count: 40).utf8))
        }
        #expect(throws: IngestFailure.self) { try promise.judge(wav(600)) }
        try FormatPromise(filename: "a.wav", contentType: nil).judge(wav(600))
    }
}
