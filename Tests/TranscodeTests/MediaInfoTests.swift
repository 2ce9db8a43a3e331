import Core
import Testing

@testable import Transcode

@Suite(.timeLimit(.minutes(5))) struct `What ffprobe says of a source` {
    private func info(rate: String = "44100", channels: Int = 2, tags: String = "{}", streamTags: String = "{}") throws
        -> MediaInfo
    {
        let text = """
            {"streams":[{"codec_type":"audio","codec_name":"mp3","sample_rate":"\(rate)","channels":\(channels),
            "tags":\(streamTags)}],"format":{"tags":\(tags)}}
            """
        return try MediaInfo(probe: try JSON.parse(text), format: .mp3)
    }

    @Test func `names each tag once, and the container's value counts`() throws {
        let info = try info(
            tags: #"{"Title":"Song","encoder":"Lavf59"}"#,
            streamTags: #"{"encoder":"LAME3.100","TITLE":"x","bpm":"120"}"#)
        #expect(info.tags.map(\.0) == ["title", "encoder", "bpm"])
        #expect(info.tags.map(\.1) == ["Song", "Lavf59", "120"])
        #expect(try JSON.parse(info.json.text) == info.json)
    }

    @Test(arguments: [("0", 2), ("-1", 2), ("x", 2), ("44100", 0), ("44100", -1)])
    func `without a usable rate and channels is no audio`(rate: String, channels: Int) {
        let failure = #expect(throws: TranscodeFailure.self) { try info(rate: rate, channels: channels) }
        #expect(failure?.kind == .corrupt)
    }

    @Test(arguments: [("768001", 2), ("2000000000", 2), ("9223372036854775807", 2), ("44100", 9), ("44100", 64)])
    func `with more than anything here encodes is unsupported`(rate: String, channels: Int) {
        let failure = #expect(throws: TranscodeFailure.self) { try info(rate: rate, channels: channels) }
        #expect(failure?.kind == .unsupported)
        #expect(failure?.message.contains("the limit is") == true)
    }

    @Test func `at the limits is read`() throws {
        #expect(try info(rate: "768000", channels: 8).rate == 768_000)
        #expect(try info(rate: "1", channels: 1).channels == 1)
    }
}
