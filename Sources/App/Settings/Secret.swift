/// A text that is never printed.
package struct Secret: Sendable, Equatable, CustomStringConvertible {
    package let text: String
    package init(_ text: String) { self.text = text }
    package var description: String { "<redacted>" }
}
