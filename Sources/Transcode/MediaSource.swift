package import Core
package import Platform

/// The bytes of an upload for those who decode them: a file, and how much of it is there.
package struct MediaSource: Sendable {
    package let file: SharedDescriptor
    package let format: AudioFormat
    package let frontier: any ByteFrontier

    package init(file: SharedDescriptor, format: AudioFormat, frontier: any ByteFrontier) {
        self.file = file
        self.format = format
        self.frontier = frontier
    }
}
