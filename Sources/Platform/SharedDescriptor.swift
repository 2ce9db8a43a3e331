/// A descriptor with several owners, closed with the last: for collections and for work that is handed to a lane.
package final class SharedDescriptor: Sendable {
    package let descriptor: FileDescriptor

    package init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    package var raw: Int32 { descriptor.raw }
}
