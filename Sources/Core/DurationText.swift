extension Duration {
    /// As settings and flags write it: a whole number from 1 and `s`, `m`, `h` or `d`. No sign, nothing else.
    package init?(setting text: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let last = text.last, let unit = units[last],
            text.dropLast().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int64(text.dropLast()), (1...1_000_000).contains(number)
        else { return nil }
        self = .seconds(number * unit)
    }
}
