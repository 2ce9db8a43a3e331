import ScanBridge
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Wire messages` {
    let evidence = Evidence(
        engine: "1.4.6", database: "27500", bytesScanned: 4096, witnesses: ["coverage", "raw-search"], milliseconds: 12)

    @Test func `every verdict comes back as it was sent`() {
        let verdicts: [Verdict] = [
            .clean(evidence), .infected(["Win.Test", "A=B\n\\n\rC"], evidence), .suspicious(["Heuristics.X"], evidence),
            .unscannable("line one\nline two \\ end", evidence),
        ]
        for verdict in verdicts {
            #expect(WireMessage(WireMessage.verdict(verdict).bytes)?.verdict == verdict)
        }
    }

    @Test func `engine information comes back as it was sent`() {
        for built in [nil, Int64(1_700_000_000)] {
            let info = EngineInfo(engine: "1.4.6", database: "test", signatures: 3, level: 216, builtAt: built)
            #expect(WireMessage(WireMessage.ready(info).bytes)?.engineInfo == info)
        }
    }

    @Test(arguments: ["", "Upper", "two words", "a\nnovalue", "a\n=x", "a\nb=\\q", "a\nb=\\", "a\n", "\na=b"])
    func `what no sender makes is no message`(text: String) {
        #expect(WireMessage(Array(text.utf8)) == nil)
    }

    @Test func `bytes that are no text and messages beyond the limit are none`() {
        #expect(WireMessage([0x61, 0xff]) == nil)
        #expect(WireMessage(Array("a\nb=".utf8) + [UInt8](repeating: 0x61, count: WireMessage.limit)) == nil)
    }

    @Test(arguments: ["is", "engine", "database", "scanned", "milliseconds"])
    func `a verdict that lacks a part is none`(part: String) {
        var message = WireMessage.verdict(.clean(evidence))
        message.values.removeAll { $0.name == part }
        #expect(message.verdict == nil)
    }

    @Test func `clean with a signature beside it is no verdict`() {
        var message = WireMessage.verdict(.clean(evidence))
        message.values.append(("signature", "Eicar"))
        #expect(message.verdict == nil)
        var hit = WireMessage.verdict(.infected(["Eicar"], evidence))
        hit.values.removeAll { $0.name == "signature" }
        #expect(hit.verdict == nil)
    }
}
