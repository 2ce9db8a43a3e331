/// Rows in columns, as wide as the terminal and no wider: what does not fit is cut at the end of the last
/// column, so that ids stay whole.
struct Table {
    private let heads: [String]
    private var rows: [[String]] = []

    init(_ heads: String...) { self.heads = heads }

    mutating func add(_ cells: String...) { rows.append(cells) }

    var isEmpty: Bool { rows.isEmpty }

    func text(width: Int) -> String {
        var widths = heads.indices.map { column in ([heads] + rows).map { $0[column].count }.max() ?? 0 }
        let gaps = 2 * (widths.count - 1)
        if let last = widths.indices.last {
            let others = widths.dropLast().reduce(gaps, +)
            widths[last] = min(widths[last], max(8, width - others))
        }
        return ([heads] + rows).map { line($0, widths) + "\n" }.joined()
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var line = ""
        for (index, cell) in cells.enumerated() {
            // An answer of a server must not move the cursor.
            let plain = String(cell.map { $0.isNewline || $0.unicodeScalars.contains { $0.value < 32 } ? " " : $0 })
            let shown = plain.count > widths[index] ? String(plain.prefix(max(0, widths[index] - 1))) + "…" : plain
            line += shown
            if index < cells.count - 1 { line += String(repeating: " ", count: widths[index] - shown.count + 2) }
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}
