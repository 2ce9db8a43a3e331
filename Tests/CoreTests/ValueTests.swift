import Core
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Plain values` {
    @Test func `an id holds no path, no space, nothing empty and nothing long`() {
        for wrong in ["", "a/b", "..", "a b", "ä", "a\n", String(repeating: "a", count: 65)] {
            #expect(TrackID(wrong) == nil, "\(wrong)")
        }
        #expect(TrackID("core-42_x")?.text == "core-42_x")
        let made = UploadID.make()
        #expect(made.text.hasPrefix("up_") && made.text.utf8.count == 25 && UploadID(made.text) == made)
        #expect(UploadID.make() != made)
    }

    @Test func `moments read as RFC 3339 and as HTTP dates`() {
        let moment = Timestamp(microseconds: 1_795_255_327_123_456)
        #expect(moment.description == "2026-11-21T10:02:07.123Z")
        #expect(moment.httpDate == "Sat, 21 Nov 2026 10:02:07 GMT")
        #expect(Timestamp(seconds: 951_782_400).description == "2000-02-29T00:00:00.000Z")
        #expect(Timestamp(seconds: 0).httpDate == "Thu, 01 Jan 1970 00:00:00 GMT")
    }

    @Test func `retries wait longer each time, up to a cap, and end`() {
        let policy = RetryPolicy.doubling(from: .seconds(1), upTo: .seconds(4), tries: 5)
        let waits = (1...5).map { policy.wait(after: $0, random: 0.5) }
        #expect(waits == [.milliseconds(500), .seconds(1), .seconds(2), .seconds(2), nil])
        let written = RetryPolicy.schedule([.seconds(10), .seconds(20)], spread: 0.2)
        #expect(written.wait(after: 1, random: 0) == .seconds(8))
        #expect(written.wait(after: 2, random: 0.5) == .seconds(20))
        #expect(written.wait(after: 3) == nil)
    }

    @Test func `every failure code has a status of its kind and tells what to do`() {
        for code in FailureCode.allCases {
            #expect((400...599).contains(code.status), "\(code)")
            #expect(code.sentence.hasSuffix(".") && code.remedy.hasSuffix("."), "\(code)")
            #expect(code.rawValue == code.rawValue.uppercased())
        }
    }

    @Test func `metrics render as OpenMetrics and a label cannot break a line`() {
        let metrics = Metrics()
        metrics.add("http_requests_total", help: "Requests.", labels: [("route", "a\"\nb")])
        metrics.add("http_requests_total", 2, help: "Requests.", labels: [("route", "a\"\nb")])
        metrics.observe("sluice_ready_seconds", 0.2, help: "Ready.")
        let lines = metrics.text.split(separator: "\n")
        #expect(lines.contains("http_requests_total{route=\"a__b\"} 3.0"))
        #expect(lines.contains("sluice_ready_seconds_bucket{le=\"0.1\"} 0"))
        #expect(lines.contains("sluice_ready_seconds_bucket{le=\"0.5\"} 1"))
        #expect(lines.last == "# EOF")
        #expect(!metrics.text.contains("sluice_metrics_dropped"))
    }

    @Test func `a family of metrics that is full counts what it drops`() {
        let metrics = Metrics()
        for number in 0..<4_100 {
            metrics.add("a_total", help: "A.", labels: [("n", String(number))])
            metrics.set("b", 1, help: "B.", labels: [("n", String(number))])
        }
        metrics.add("a_total", help: "A.", labels: [("n", "0")])
        let lines = metrics.text.split(separator: "\n")
        #expect(lines.contains("a_total{n=\"0\"} 2.0"))
        #expect(lines.contains("sluice_metrics_dropped_total{family=\"a_total\"} 4"))
        #expect(lines.contains("sluice_metrics_dropped_total{family=\"b\"} 4"))
        #expect(lines.count { $0.hasPrefix("b{") } == 4_096)
    }

    @Test func `only a failure of the service has something for the log`() {
        #expect(Refusal(.notFound, "It is not here.").fault == nil)
        #expect(Refusal(.internal, cause: "inside").fault == "inside")
        #expect(Refusal.unavailable(cause: "inside").fault == "inside")
        #expect(Refusal.unavailable().fields.map(\.0) == ["Retry-After"])
        #expect(Refusal.stopping.fault == nil)
    }
}
