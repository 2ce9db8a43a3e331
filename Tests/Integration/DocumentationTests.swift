import Core
import Ledger
import Platform
import TestSupport
import Testing

/// What people are told is what the program says.
@Suite(.timeLimit(.minutes(5))) struct DocumentationTests {
    private func text(_ file: String) throws -> String {
        String(decoding: try Files.readWhole(Tool.root + "/" + file, limit: 1 << 20), as: UTF8.self)
    }

    @Test(arguments: FailureCode.allCases)
    func `docs/errors.md explains every code as the program does`(code: FailureCode) throws {
        let errors = try text("docs/errors.md")
        #expect(
            errors.contains(
                "\n<a id=\"\(code.rawValue)\"></a>\n## \(code.rawValue)\n\n\(code.status). \(code.sentence)"))
        #expect(errors.contains(code.remedy))
    }

    @Test func `every file that the README points to is there`() throws {
        for part in try text("README.md").split(separator: "](").dropFirst() {
            let target = part.prefix { $0 != ")" }
            #expect(target.contains("://") || Files.exists("\(Tool.root)/\(target)"), "\(target)")
        }
    }

    @Test func `openapi.yaml and the changes bear the program's own version`() throws {
        let version = ProgramVersion.current.description
        #expect(try text("openapi.yaml").contains("\n  version: \(version)\n"))
        #expect(try text("CHANGELOG.md").contains("\n## \(version)"))
    }
}
