import Core
import Glibc

/// What people read: answers on standard output, everything else on standard error.
enum Terminal {
    static let errorIsTerminal = isatty(2) == 1

    static let inputIsTerminal = isatty(0) == 1

    /// Of the terminal that reads the answers; 80 where none does.
    static var answerWidth: Int {
        var size = winsize()
        return ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 ? Int(size.ws_col) : 80
    }

    static func out(_ text: String) { put(text, to: 1) }
    static func error(_ text: String) { put(text, to: 2) }

    static var width: Int {
        var size = winsize()
        return ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20 ? Int(size.ws_col) : 80
    }

    static var height: Int {
        var size = winsize()
        return ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 2 ? Int(size.ws_row) : 24
    }

    /// False when nobody reads any more.
    static func out(_ bytes: [UInt8]) -> Bool { put(bytes, to: 1) }

    private static func put(_ text: String, to descriptor: Int32) { _ = put(Array(text.utf8), to: descriptor) }

    private static func put(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno != EINTR { return false }
            sent += max(0, count)
        }
        return true
    }
}

/// What went wrong, why, and what to do: the one form of every failure.
struct Complaint: Error {
    let what: String
    let why: String
    let remedy: String
    let code: String
    let requestID: String?
    let exitCode: Int32
    /// The server said it; else nobody answered.
    var isAnswer = false
    /// The same request may succeed later.
    var isPassing = false
    var retryAfter: Duration?

    init(
        _ what: String, why: String, remedy: String, code: String = "INTERNAL", requestID: String? = nil,
        exitCode: Int32 = 1
    ) {
        self.what = what
        self.why = why
        self.remedy = remedy
        self.code = code
        self.requestID = requestID
        self.exitCode = exitCode
    }

    static func usage(_ what: String, _ remedy: String) -> Complaint {
        Complaint(what, why: "the command line is not understood", remedy: remedy, code: "INVALID_REQUEST", exitCode: 2)
    }

    func show(asJSON: Bool) {
        if asJSON { Terminal.out(json.text + "\n") }
        Terminal.error(text)
    }

    var text: String {
        "sluice: \(what)\n  why: \(why)    do: \(remedy)   more: docs/errors.md#\(code)"
            + (requestID.map { "  request \($0)" } ?? "") + "\n"
    }

    /// Of one file among others.
    func json(of file: String) -> JSON {
        guard case .object(let members) = json else { return json }
        return .object(members + [("file", .string(file))])
    }

    var json: JSON {
        [
            "error": [
                "code": .string(code), "message": .string(what), "why": .string(why), "do": .string(remedy),
                "docs": .string("docs/errors.md#\(code)"),
            ], "requestId": .optional(requestID),
        ]
    }
}

enum Nearest {
    /// The candidate that is fewest edits away.
    static func of(_ word: String, among candidates: [String]) -> String {
        candidates.min { distance(word, $0) < distance(word, $1) } ?? ""
    }

    private static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.utf8.prefix(60)), Array(b.utf8))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var last = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                (last, row[j + 1]) = (row[j + 1], x == y ? last : 1 + min(last, row[j], row[j + 1]))
            }
        }
        return row[b.count]
    }
}
