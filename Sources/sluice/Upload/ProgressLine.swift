/// One file's line of progress, as wide as the terminal is at that moment. A plain value.
struct ProgressLine {
    var name: String
    var nameWidth: Int
    var word = "Waiting"
    /// Of the whole, below 1 until it is ready.
    var share = 0.0
    var sent: Int64 = 0
    var size: Int64 = 0
    var rate = 0.0
    /// A word on what is waited for, in place of the rate.
    var note: String?

    /// `lake.flac    62 %  [############-------]   50/80 MB  14.2 MB/s  2 s left    Sending`
    func text(width: Int) -> String {
        let percent = Self.right("\(Int(min(0.99, max(0, share)) * 100))", 3) + " %"
        var middle = ""
        if let note {
            middle = "  \(note)"
        } else if word == "Sending" {
            middle = "  \(Self.amount(sent, of: size))"
            if rate > 0 { middle += "  \(Self.amount(rate))/s" }
            if rate > 0, sent < size { middle += "  \(Self.time(Double(size - sent) / rate)) left" }
        }
        let start = "\(Self.left(Self.cut(name, to: nameWidth), nameWidth))  \(percent)"
        let end = "\(middle)    \(word)"
        let room = width - start.count - end.count - 4
        guard room >= 6 else { return String("\(start)\(end)".prefix(width)) }
        let cells = min(20, room)
        let filled = Int(min(0.99, max(0, share)) * Double(cells))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: cells - filled)
        return "\(start)  [\(bar)]\(end)"
    }

    /// For what is no terminal.
    var plain: String {
        var line = "\(name)  \(word)"
        if word == "Sending", sent > 0 {
            line += "  \(Int(min(0.99, share) * 100)) %  \(Self.amount(sent, of: size))  \(Self.amount(rate))/s"
        }
        return line + (note.map { "  \($0)" } ?? "")
    }

    static func amount(_ done: Int64, of whole: Int64) -> String {
        let (unit, name) = unit(Double(whole))
        return "\(number(Double(done) / unit))/\(number(Double(whole) / unit)) \(name)"
    }

    static func amount(_ bytes: Double) -> String {
        let (unit, name) = unit(bytes)
        return "\(number(bytes / unit)) \(name)"
    }

    /// MB as the settings count them: 2^20 bytes.
    private static func unit(_ bytes: Double) -> (Double, String) {
        if bytes >= 10 * 1_073_741_824 { return (1_073_741_824, "GB") }
        return bytes >= 1_048_576 ? (1_048_576, "MB") : (1024, "KB")
    }

    private static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths >= 200 || tenths % 10 == 0 ? "\((tenths + 5) / 10)" : "\(tenths / 10).\(tenths % 10)"
    }

    static func time(_ seconds: Double) -> String {
        let whole = Int(min(seconds.rounded(.up), 360_000))
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }

    /// Long names lose their middle: both ends tell files apart.
    static func cut(_ name: String, to width: Int) -> String {
        // A line end or an escape in a name must not move the cursor.
        let name = String(name.map { $0.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } ? $0 : "?" })
        guard name.count > width else { return name }
        return name.prefix(width / 2 - 1) + "…" + name.suffix(width - width / 2)
    }

    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
