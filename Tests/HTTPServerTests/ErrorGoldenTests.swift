import Core
import HTTPServer
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `An error answer` {
    private static func text(_ response: Response) -> String {
        guard case .bytes(let bytes) = response.body else { return "no body" }
        let fields = response.fields.map { "\($0.0): \($0.1)\n" }.joined()
        return "\(response.status)\n\(fields)\n\(String(decoding: bytes, as: UTF8.self))\n"
    }

    /// The input names a code, or `problem`.
    @Test func `is as the golden files have it`() throws {
        let requestID = try #require(RequestID("req-1"))
        for file in try GoldenFile.all(in: "errors") {
            let word = file.input.trimmed
            if word == "problem" {
                try file.check(
                    Self.text(Problem.problemJSON(title: "Gone", status: 410, detail: "The upload was cancelled.")))
            } else {
                let code = try #require(FailureCode(rawValue: word))
                try file.check(Self.text(Problem.envelope(Refusal(code), requestID: requestID)))
            }
        }
    }

    @Test func `of every code has a golden file`() throws {
        let files = Set(try GoldenFile.all(in: "errors").map(\.input.trimmed))
        #expect(FailureCode.allCases.filter { !files.contains($0.rawValue) } == [])
    }
}

extension String {
    fileprivate var trimmed: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
