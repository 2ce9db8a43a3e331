import Platform

/// Golden files: each `.txt` below `Tests/Golden/FOLDER` holds an input, a line of dashes and the output that is expected.
/// `SLUICE_GOLDEN=write` writes the outputs anew; look at the difference before you commit it.
package struct GoldenFile: Sendable, CustomStringConvertible {
    package let name: String
    package let input: String
    private let expected: String
    private let path: String

    private static let line = "-----\n"

    package var description: String { name }

    package static func all(in folder: String) throws -> [GoldenFile] {
        let path = "\(Tool.root)/Tests/Golden/\(folder)"
        return try Files.list(path).sorted().filter { $0.hasSuffix(".txt") }.map { try GoldenFile($0, in: path) }
    }

    private init(_ name: String, in folder: String) throws {
        self.name = name
        path = folder + "/" + name
        let text = String(decoding: try Files.readWhole(path, limit: 1 << 20), as: UTF8.self)
        guard let parts = text.firstRange(of: "\n" + Self.line) else {
            throw TestTrouble("\(path) has no line of five dashes between input and output")
        }
        input = String(text[..<parts.lowerBound])
        expected = String(text[parts.upperBound...])
    }

    /// Throws both texts if `output` is not the one in the file.
    package func check(_ output: String) throws {
        if Tool.environmentValue("SLUICE_GOLDEN") == "write" {
            try Files.writeAtomically(Array((input + "\n" + Self.line + output).utf8), to: path)
        } else if output != expected {
            throw TestTrouble("\(path) expects\n\(expected)\nand the program gives\n\(output)")
        }
    }
}
