/// What went wrong in a test's own machinery, in words that go into its report.
package struct TestTrouble: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
