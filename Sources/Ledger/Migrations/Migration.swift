/// One numbered step of the schema. Forward only; never edited once released, which its checksum enforces.
package struct Migration: Sendable {
    package let number: Int
    package let name: String
    /// The oldest program that may still run beside this step: nodes upgrade one at a time.
    package let oldestProgram: ProgramVersion
    package let statements: [String]

    package init(number: Int, name: String, oldestProgram: ProgramVersion, statements: [String]) {
        self.number = number
        self.name = name
        self.oldestProgram = oldestProgram
        self.statements = statements
    }

    var text: String { statements.joined(separator: ";\n") }
}

/// `major.minor.patch`.
package struct ProgramVersion: Sendable, Comparable, CustomStringConvertible {
    package let parts: [Int]

    package init(_ major: Int, _ minor: Int, _ patch: Int) { parts = [major, minor, patch] }

    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let major = parts[0], let minor = parts[1], let patch = parts[2] else { return nil }
        self.init(major, minor, patch)
    }

    /// The program this room is part of.
    package static let current = ProgramVersion(0, 1, 0)

    package var description: String { parts.map { String($0) }.joined(separator: ".") }

    package static func < (a: Self, b: Self) -> Bool { a.parts.lexicographicallyPrecedes(b.parts) }
}
