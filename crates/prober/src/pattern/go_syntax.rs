//! Go's regular expressions in the syntax of the crate `regex`.
//!
//! Job: one pass over the pattern, as Go's own parser makes it (`regexp/syntax/parse.go`): what both write alike goes
//! through, what they write differently is rewritten, and what Go refuses is refused. Neighbours: `Pattern`, which has
//! the outcome compiled; what is wrong in both (an open bracket, `a{3,2}`) is found there. Invariant: nothing comes out
//! that `regex` would take for an extension of its own.

/// The names of `[[:name:]]`.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// The highest count of a repetition.
const MAX_REPEAT: u32 = 1_000;

/// The pattern in the syntax of `regex`, or what Go finds wrong with it.
pub(super) fn translated(pattern: &str) -> Result<String, String> {
    let mut translator = Translator { rest: pattern, out: String::with_capacity(pattern.len() + 16) };
    translator.pattern()?;
    Ok(translator.out)
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
}

/// One of what a class has, and what a backslash may stand for outside of one, too.
enum Member {
    Character(char),
    /// In the syntax of `regex`.
    Class(String),
}

impl<'a> Translator<'a> {
    fn next(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    /// Passes over `text` if it comes next.
    fn skips(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|behind| self.rest = behind).is_some()
    }

    /// Passes over what stands before `end`, and over that.
    fn until(&mut self, end: &str) -> Option<&'a str> {
        let (before, behind) = self.rest.split_once(end)?;
        self.rest = behind;
        Some(before)
    }

    fn pattern(&mut self) -> Result<(), String> {
        let mut repeats = false; // what stands last
        while let Some(character) = self.next() {
            let counts = if character == '{' { self.count()? } else { None };
            match (character, counts) {
                ('*' | '+' | '?', _) | ('{', Some(_)) => {
                    let operator = counts.map_or(character.to_string(), |inner| format!("{{{inner}}}"));
                    if repeats {
                        return Err(format!("{operator} repeats a repetition"));
                    }
                    self.out.push_str(&operator);
                    if self.skips("?") {
                        self.out.push('?');
                    }
                }
                ('{', None) => self.out.push_str("\\{"),
                ('\\', _) => self.escape()?,
                ('[', _) => self.class()?,
                ('(', _) => self.group()?,
                _ => self.out.push(character),
            }
            repeats = matches!((character, counts), ('*' | '+' | '?', _) | ('{', Some(_)));
        }
        Ok(())
    }

    /// What stands in the braces of a repetition; anything else that follows a brace makes the brace mean itself.
    fn count(&mut self) -> Result<Option<&'a str>, String> {
        // Go takes none with a 0 in front.
        let is_number = |text: &str| text == "0" || text.starts_with(|first: char| ('1'..='9').contains(&first));
        let end = self.rest.find(|other: char| !other.is_ascii_digit() && other != ',').unwrap_or(self.rest.len());
        let (inner, behind) = self.rest.split_at(end);
        let Some(behind) = behind.strip_prefix('}') else { return Ok(None) };
        let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
        if !is_number(least) || most.contains(',') || !(most.is_empty() || is_number(most)) {
            return Ok(None);
        }
        let too_many = |count: &str| count.parse().unwrap_or(u32::MAX) > MAX_REPEAT;
        if too_many(least) || !most.is_empty() && too_many(most) {
            return Err(format!("{{{inner}}} is over the highest count, {MAX_REPEAT}"));
        }
        self.rest = behind;
        Ok(Some(inner))
    }

    /// Behind an opening parenthesis. Names of groups serve nobody here.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if !self.skips("?") {
            return Ok(());
        }
        if self.skips("P<") || self.skips("<") {
            let name = self.until(">").unwrap_or_default();
            let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            return if is_word && !name.is_empty() { Ok(()) } else { Err("a group has no good name".to_owned()) };
        }
        let (mut on, mut off, mut turns_off) = (String::new(), String::new(), false);
        loop {
            match self.next() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    on.retain(|other| other != flag);
                    off.retain(|other| other != flag);
                    if turns_off { &mut off } else { &mut on }.push(flag);
                }
                Some('-') if !turns_off => turns_off = true,
                Some(end @ (':' | ')')) if !turns_off || !off.is_empty() => {
                    let (minus, no_flag) = (if turns_off { "-" } else { "" }, on.is_empty() && off.is_empty());
                    let end = if end == ')' && no_flag { ":)".to_owned() } else { end.to_string() };
                    self.out.push_str(&format!("?{on}{minus}{off}{end}"));
                    return Ok(());
                }
                Some(other) => return Err(format!("a group can't begin with (?…{other}")),
                None => return Err("a group isn't closed".to_owned()),
            }
        }
    }

    /// Behind an opening bracket, to the closing one.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.skips("^") {
            self.out.push('^');
        }
        let mut is_first = true; // a closing bracket is a member there
        while is_first || !self.rest.starts_with(']') {
            is_first = false;
            match self.member()? {
                Member::Class(class) => self.out.push_str(&class),
                Member::Character(least) => {
                    let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]") && self.skips("-");
                    let most = if is_range { self.end_of_range(least)? } else { least };
                    self.out.push_str(&format!("\\x{{{:x}}}-\\x{{{:x}}}", u32::from(least), u32::from(most)));
                }
            }
        }
        self.rest = &self.rest[1..];
        self.out.push(']');
        Ok(())
    }

    fn end_of_range(&mut self, least: char) -> Result<char, String> {
        let most = match self.next() {
            Some('\\') => self.escaped()?,
            Some(character) => Member::Character(character),
            None => return Err("a class isn't closed".to_owned()),
        };
        match most {
            Member::Character(most) if least <= most => Ok(most),
            _ => Err(format!("a range from {least} in a class has no good end")),
        }
    }

    /// The next of what stands in a class.
    fn member(&mut self) -> Result<Member, String> {
        match self.next().ok_or("a class isn't closed")? {
            '[' if self.rest.strip_prefix(':').is_some_and(|name| name.contains(":]")) && self.skips(":") => {
                let name = self.until(":]").unwrap_or_default();
                if POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
                    Ok(Member::Class(format!("[:{name}:]")))
                } else {
                    Err(format!("there is no class [:{name}:]"))
                }
            }
            '\\' => self.escaped(),
            character => Ok(Member::Character(character)),
        }
    }

    /// Behind a backslash outside of a class.
    fn escape(&mut self) -> Result<(), String> {
        if self.skips("Q") {
            let quoted = self.until("\\E").unwrap_or_else(|| std::mem::take(&mut self.rest));
            self.out.push_str(&regex::escape(quoted));
            return Ok(());
        }
        for (escape, translation) in [("A", "\\A"), ("b", "(?-u:\\b)"), ("B", "\\B"), ("z", "\\z")] {
            if self.skips(escape) {
                self.out.push_str(translation);
                return Ok(());
            }
        }
        match self.escaped()? {
            Member::Class(class) => self.out.push_str(&class),
            Member::Character(character) => self.out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
        }
        Ok(())
    }

    /// Behind a backslash, wherever it stands.
    fn escaped(&mut self) -> Result<Member, String> {
        let class = |class: &str| Ok(Member::Class(class.to_owned()));
        let character = match self.next().ok_or("a backslash ends it")? {
            'd' => return class("[0-9]"),
            'D' => return class("[^0-9]"),
            'w' => return class("[0-9A-Za-z_]"),
            'W' => return class("[^0-9A-Za-z_]"),
            's' => return class("[\\t\\n\\f\\r ]"),
            'S' => return class("[^\\t\\n\\f\\r ]"),
            'p' => return self.unicode(false),
            'P' => return self.unicode(true),
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.hexadecimal().ok_or("\\x has two hexadecimal digits behind it, or braces with some")?,
            digit @ '0'..='7' => self.octal(digit).ok_or_else(|| format!("\\{digit} would refer to a group"))?,
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => other,
            other => return Err(format!("there is no escape \\{other}")),
        };
        Ok(Member::Character(character))
    }

    /// Behind `\p`: a category or a script.
    fn unicode(&mut self, negated: bool) -> Result<Member, String> {
        let name = if self.skips("{") {
            self.until("}").ok_or("a class \\p{ isn't closed")?
        } else {
            let length = self.rest.chars().next().map_or(0, char::len_utf8);
            let (letter, behind) = self.rest.split_at(length);
            self.rest = behind;
            letter
        };
        let bare = name.strip_prefix('^').unwrap_or(name);
        let is_outside = negated != (bare != name);
        if bare == "Cs" {
            // A character of Rust is none of these.
            let class = if is_outside { "[\\x{0}-\\x{10FFFF}]" } else { "[^\\x{0}-\\x{10FFFF}]" };
            return Ok(Member::Class(class.to_owned()));
        }
        if !bare.starts_with(|first: char| first.is_ascii_uppercase()) || bare.contains(['=', ':', '!']) {
            return Err(format!("there is no class \\p{{{name}}}"));
        }
        Ok(Member::Class(format!("\\{}{{{bare}}}", if is_outside { 'P' } else { 'p' })))
    }

    /// Behind `\x`.
    fn hexadecimal(&mut self) -> Option<char> {
        let digits = if self.skips("{") {
            self.until("}")?
        } else {
            let (digits, behind) = self.rest.split_at_checked(2)?;
            self.rest = behind;
            digits
        };
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| are_digits).and_then(char::from_u32)
    }

    /// Up to three octal digits; one alone that isn't 0 would refer to a group.
    fn octal(&mut self, first: char) -> Option<char> {
        let further = self.rest.bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
        let (digits, behind) = self.rest.split_at(further);
        self.rest = behind;
        let value = digits.bytes().fold(first.to_digit(8)?, |value, byte| value * 8 + u32::from(byte - b'0'));
        char::from_u32(value).filter(|_| first == '0' || further > 0)
    }
}
