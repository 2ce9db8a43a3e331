import Glibc
import Platform
import TestSupport
import Testing

/// Names and contents on a real disk.
@Suite(.timeLimit(.minutes(5))) struct FilesTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test func `folders are made with all that is above them, and again without harm`() throws {
        try Files.makeFolder(scratch["a/b/c"])
        try Files.makeFolder(scratch["a/b/c/"])
        #expect(Files.isFolder(scratch["a/b/c"]))
        try Files.writeAtomically([], to: scratch["a/file"])
        #expect(throws: Errno.exists) { try Files.makeFolder(scratch["a/file"]) }
    }

    @Test func `a tree is removed, and what its links point at stays`() throws {
        try Files.makeFolder(scratch["kept"])
        try Files.writeAtomically([1], to: scratch["kept/file"])
        try Files.makeFolder(scratch["gone/deep"])
        try Files.writeAtomically([1], to: scratch["gone/deep/file"])
        #expect(symlink(scratch["kept"], scratch["gone/deep/link"]) == 0)
        try Files.removeTree(scratch["gone"])
        #expect(try Files.list(scratch.path) == ["kept"])
        #expect(try Files.list(scratch["kept"]) == ["file"])
        try Files.removeTree(scratch["gone"])
    }

    @Test func `writing atomically replaces the whole, with its mode, and leaves nothing beside`() throws {
        try Files.writeAtomically(Array("first and longer".utf8), to: scratch["file"])
        let before = try FileDescriptor.reading(scratch["file"])
        try Files.writeAtomically(Array("second".utf8), to: scratch["file"], mode: 0o644)
        #expect(try Files.readWhole(scratch["file"], limit: 100) == Array("second".utf8))
        // Whoever had it open still reads the old one whole: it was not written over.
        #expect(try before.read(upTo: 100, at: 0) == Array("first and longer".utf8))
        #expect(try Files.list(scratch.path) == ["file"])
    }

    @Test func `a failed write leaves the old bytes and no other file`() throws {
        try Files.makeFolder(scratch["name"])
        #expect(throws: Errno.self) { try Files.writeAtomically([1], to: scratch["name"]) }
        #expect(try Files.list(scratch.path) == ["name"])
    }

    @Test func `reading stops at the limit`() throws {
        try Files.writeAtomically([1, 2, 3], to: scratch["file"])
        #expect(try Files.readWhole(scratch["file"], limit: 3) == [1, 2, 3])
        #expect(throws: Errno.tooBig) { try Files.readWhole(scratch["file"], limit: 2) }
        #expect(try !Files.readWhole("/proc/self/status", limit: 100_000).isEmpty)
    }

    @Test func `a file without a name gets one by its descriptor, and never over another`() throws {
        let file = try FileDescriptor.unnamed(in: scratch.path)
        try file.write([7, 8], at: 0)
        #expect(try Files.list(scratch.path).isEmpty)
        try Files.link(file, to: scratch["named"])
        #expect(try Files.readWhole(scratch["named"], limit: 9) == [7, 8])
        #expect(throws: Errno.exists) { try Files.link(file, to: scratch["named"]) }
        let linked = try FileDescriptor.reading(scratch["named"])
        try Files.link(linked, to: scratch["again"])
        #expect(try Files.size(scratch["again"]) == 2)
    }

    @Test func `a file without a name is made where the file system makes none`() throws {
        // A kernel without the flag sees a folder that is opened for writing.
        let file = try FileDescriptor.unnamed(in: scratch.path, flag: O_DIRECTORY)
        try file.write([7, 8], at: 0)
        #expect(try file.read(upTo: 9, at: 0) == [7, 8])
        #expect(try Files.list(scratch.path).isEmpty)
    }

    @Test func `a failure names what was tried, and on what`() throws {
        let none = scratch["none"]
        func text(_ body: () throws -> Void) -> String {
            do {
                try body()
                return ""
            } catch { return "\(error)" }
        }
        #expect(text { _ = SharedDescriptor(try .reading(none)) } == "open \(none): No such file or directory")
        #expect(text { _ = try Files.list(none) } == "list \(none): No such file or directory")
        #expect(text { try Files.rename(none, to: scratch["x"]) }.hasPrefix("rename \(none) to \(scratch["x"]): "))
        #expect(text { try Files.makeFolder("/proc/none") }.hasPrefix("mkdir /proc/none: "))
        #expect(text { try Files.writeAtomically([1], to: none + "/a") }.hasPrefix("open \(none)/a."))
        #expect(text { _ = try Files.freeSpace(none) } == "statfs \(none): No such file or directory")
        #expect(Errno.noSpace.at("write", none) == .noSpace && Errno.noSpace.at("write", none).isOutOfSpace)
    }

    @Test func `a file that is created is whole, alone, and never over another`() throws {
        try Files.createAtomically([1], at: scratch["one"])
        #expect(throws: Errno.exists) { try Files.createAtomically([2], at: scratch["one"]) }
        try Files.writeAtomically([3], to: scratch["two.17-4.new"])
        try Files.removeUnfinished(in: scratch.path)
        #expect(try Files.list(scratch.path) == ["one"] && Files.readWhole(scratch["one"], limit: 9) == [1])
    }

    @Test func `a file system without blocks has an unknown size, and none is larger than what fits`() {
        #expect(DiskSpace(blocks: 0, free: 0, unit: 4096) == nil)
        #expect(DiskSpace(blocks: 1000, free: 250, unit: 4096) == DiskSpace(free: 1_024_000, total: 4_096_000))
        let endless = DiskSpace(blocks: .max, free: .max, unit: 4096)
        #expect(endless == DiskSpace(free: .max, total: .max) && endless?.freeShare == 100)
        #expect(DiskSpace(free: 30, total: 100).room(sparing: 0.1) == 20)
        #expect(DiskSpace(blocks: .max, free: 0, unit: .max)?.room(sparing: 0.1) ?? 0 < 0)
    }

    @Test func `renaming replaces only where it is allowed to`() throws {
        try Files.writeAtomically([1], to: scratch["one"])
        try Files.writeAtomically([2], to: scratch["two"])
        #expect(throws: Errno.exists) { try Files.renameWithoutReplacing(scratch["one"], to: scratch["two"]) }
        try Files.rename(scratch["one"], to: scratch["two"])
        #expect(try Files.readWhole(scratch["two"], limit: 9) == [1])
        #expect(try !Files.remove(scratch["one"]))
        #expect(try Files.remove(scratch["two"]))
    }

    @Test func `what is not there has no size, and a disk has free space`() throws {
        #expect(try Files.size(scratch["none"]) == nil)
        let space = try #require(try Files.freeSpace(scratch.path))
        #expect(space.free > 0 && space.free <= space.total)
        #expect(throws: Errno.noSuchFile) { try Files.freeSpace(scratch["none"]) }
    }

    @Test func `reserved room does not show in the size`() throws {
        let file = try FileDescriptor.creating(scratch["file"])
        try file.write([1, 2, 3], at: 0)
        try file.reserve(0..<1_000_000)
        #expect(try file.size() == 3)
        file.startWriteback(0..<3)
        try file.syncData()
    }

    @Test func `positions: reads end with the file, writes make holes, appending goes on`() throws {
        let file = try FileDescriptor.creating(scratch["file"])
        try file.write([9][...], at: 4)
        #expect(try file.read(upTo: 100, at: 0) == [0, 0, 0, 0, 9])
        #expect(try file.read(upTo: 100, at: 5).isEmpty)
        try file.append([1, 2])
        #expect(try file.read(upTo: 3, at: 0) == [1, 2, 0])
        try file.truncate(to: 1)
        let copy = try file.duplicate()
        #expect(try copy.size() == 1)
        #expect(try copy.identity() == file.identity())
        #expect(throws: Errno.exists) { _ = try FileDescriptor.creating(scratch["file"]) }
        try copy.close()
    }

    @Test func `one process serves a folder, and the next one is told which`() async throws {
        let lock = try FolderLock.take(scratch.path, since: "10:02")
        let path = scratch.path
        #expect(throws: FolderLockFailure.held(by: "pid \(getpid()), since 10:02")) {
            _ = try FolderLock.take(path, since: "10:03")
        }
        _ = consume lock
        let held = FolderLockFailure.held(by: "pid \(getpid()), since 10:02")
        // A child that another test starts has a copy of the lock until it becomes its program.
        try await eventually { try !fails(with: held) { _ = try FolderLock.take(path, since: "10:04") } }
        let nowhere = FolderLockFailure.system(.noSuchFile)
        #expect(throws: nowhere) { _ = try FolderLock.take(path + "/none", since: "10:05") }
    }
}
