import Core
import Platform
import Synchronization
import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct DiskSpoolTests {
    private let id = UploadID(checked: "up_0123456789")
    private let extent = JournalRecord(.extent(completesAlone: false), 0..<3)

    private let many = [UInt8](repeating: 7, count: DiskSpool.inlineLimit + 1)
    private let largeExtent = JournalRecord(.extent(completesAlone: false), 0..<Int64(DiskSpool.inlineLimit + 1))

    @Test func `a new upload is durable, name and all, before its first record is true`() throws {
        let device = MemoryDevice()
        let bytes = try #require(try DiskSpool(device: device, durability: .full).open(id, creating: true))
        #expect(device.operations == ["make folder", "create journal", "remove data"])
        device.clearOperations()
        try bytes.write(many, at: 0)
        try bytes.record([largeExtent])
        #expect(
            device.operations == [
                "create data", "write data", "sync data", "write journal", "sync journal", "sync folder",
                "sync folder",
            ])
    }

    @Test func `bytes are synced before their record is written, and the record before it is true`() throws {
        let device = MemoryDevice()
        let bytes = try #require(try DiskSpool(device: device, durability: .full).open(id, creating: true))
        try bytes.record([])
        device.clearOperations()
        try bytes.write(many, at: 0)
        try bytes.record([largeExtent])
        #expect(
            device.operations == [
                "create data", "write data", "sync data", "write journal", "sync journal", "sync folder",
            ])
    }

    @Test func `few bytes go into the journal, and one sync makes both durable`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        let bytes = try #require(try spool.open(id, creating: true))
        try bytes.record([])
        device.clearOperations()
        try bytes.write([1, 2, 3], at: 0)
        try bytes.record([extent])
        #expect(device.operations == ["write journal", "sync journal"])
        #expect(device.names.allSatisfy { $0.hasSuffix(".journal") })
        let again = try #require(try spool.open(id, creating: false))
        #expect(try again.read(upTo: 9, at: 0) == [1, 2, 3])
    }

    @Test func `bytes of a writer who was not done do not come back over those that count`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        let bytes = try #require(try spool.open(id, creating: true))
        try bytes.write([9, 9, 9, 9], at: 2)
        try bytes.write([1, 2, 3], at: 0)
        try bytes.record([extent])
        try bytes.write(many, at: 3)
        try bytes.record([JournalRecord(.extent(completesAlone: false), 3..<Int64(many.count + 3))])
        var random = TestRandom(5)
        let after = DiskSpool(device: device.afterPowerCut(&random), durability: .full)
        let again = try #require(try after.open(id, creating: false))
        #expect(try again.read(upTo: 6, at: 0) == [1, 2, 3, 7, 7, 7])
    }

    @Test func `a record without new bytes syncs the journal alone`() throws {
        let device = MemoryDevice()
        let bytes = try #require(try DiskSpool(device: device, durability: .full).open(id, creating: true))
        try bytes.record([])
        device.clearOperations()
        try bytes.record([JournalRecord(.ended(.cancelled), 0..<0)])
        #expect(device.operations == ["write journal", "sync journal"])
    }

    @Test func `fast syncs nothing`() throws {
        let device = MemoryDevice()
        let bytes = try #require(try DiskSpool(device: device, durability: .fast).open(id, creating: true))
        try bytes.write([1], at: 0)
        try bytes.record([extent])
        #expect(!device.operations.contains { $0.hasPrefix("sync") })
    }

    @Test(arguments: ["sync data", "sync journal", "sync folder"])
    func `a failed sync fails the upload for good`(_ operation: String) throws {
        let device = MemoryDevice()
        let bytes = try #require(try DiskSpool(device: device, durability: .full).open(id, creating: true))
        try bytes.write(many, at: 0)
        device.fail(operation, .inputOutput)
        #expect(throws: SpoolFailure.self) { try bytes.record([extent]) }
        device.clearOperations()
        #expect { try bytes.record([extent]) } throws: { ($0 as? SpoolFailure)?.kind == .broken }
        #expect { try bytes.write([1], at: 0) } throws: { ($0 as? SpoolFailure)?.kind == .broken }
        #expect(device.operations.isEmpty)
    }

    @Test func `a full disk takes nothing back, and goes on once there is room`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        let bytes = try #require(try spool.open(id, creating: true))
        try bytes.write([1, 2, 3], at: 0)
        try bytes.record([extent])
        device.fail("write data", .noSpace)
        #expect { try bytes.write(many, at: 3) } throws: { ($0 as? SpoolFailure)?.kind == .full }
        device.fail("write journal", .noSpace)
        let more = JournalRecord(.extent(completesAlone: false), 3..<4)
        #expect { try bytes.record([more]) } throws: { ($0 as? SpoolFailure)?.kind == .full }
        #expect(try #require(try spool.open(id, creating: false)).journal.received.ranges == [0..<3])
        try bytes.write([4], at: 3)
        try bytes.record([more])
        #expect(try #require(try spool.open(id, creating: false)).journal.received.ranges == [0..<4])
    }

    @Test func `of a batch that did not fit nothing stands behind the next, shorter one`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        let bytes = try #require(try spool.open(id, creating: true))
        device.fail("write journal", .noSpace)
        let batch = (1...4).map { JournalRecord(.extent(completesAlone: false), $0 * 100..<$0 * 100 + 10) }
        #expect(throws: SpoolFailure.self) { try bytes.record(batch) }
        try bytes.write([1, 2, 3], at: 0)
        try bytes.record([extent])
        #expect(try #require(try spool.open(id, creating: false)).journal.received.ranges == [0..<3])
    }

    @Test func `what is not there is not made by asking`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        #expect(try spool.open(id, creating: false) == nil)
        #expect(device.names.isEmpty)
        try spool.remove(id)
    }

    @Test func `removed is removed, and listed is what is there`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        let other = UploadID(checked: "-")
        for one in [id, other] { try #require(try spool.open(one, creating: true)).record([]) }
        #expect(try spool.uploads() == [other, id])
        try spool.remove(id)
        #expect(try spool.uploads() == [other])
        #expect(device.names == ["_-/-.journal"])
    }

    @Test func `a journal with a foreign head is not read as empty`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        try #require(try spool.open(id, creating: true)).record([])
        device.status.withLock { status in
            for name in status.files.keys where name.hasSuffix(".journal") { status.files[name]?.written[8] = 2 }
        }
        #expect { try spool.open(id, creating: true) } throws: { ($0 as? SpoolFailure)?.kind == .unreadable }
    }

    @Test func `on a real folder the bytes of a sealed upload are there to read`() throws {
        let folder = "/tmp/sluice-spool-\(randomBase62(12))"
        defer { try? Files.removeTree(folder) }
        let spool = DiskSpool(device: try FolderDevice(folder: folder), durability: .full)
        let bytes = try #require(try spool.open(id, creating: true))
        try bytes.write([1, 2, 3], at: 0)
        try bytes.record([extent])
        #expect { try spool.sealed(id) } throws: { ($0 as? SpoolFailure)?.kind == .missing }
        let sha256 = [UInt8](repeating: 9, count: 32)
        try bytes.record([JournalRecord(.sealed(sha256: sha256), 0..<3)])
        let sealed = try spool.sealed(id)
        #expect(sealed.size == 3 && sealed.sha256 == sha256)
        #expect(try sealed.descriptor.read(upTo: 10, at: 0) == [1, 2, 3])
        #expect(try spool.uploads() == [id])
        #expect(try #require(try spool.space()).free > 0)
        try spool.remove(id)
        #expect(try spool.uploads().isEmpty)
    }
}
