//! Terminal colours of logs as classes. Of all that terminals understand, only colours and bold, italic and underlined letters are
//! taken; everything else is left out, whoever wrote it.

/// Most pieces of one line; what follows has no colours.
const SPANS: usize = 200;
/// Most numbers in one sequence that are looked at.
const NUMBERS: usize = 16;

/// Letters that look alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// Classes; empty: as the rest of the log.
    pub(super) class: String,
    /// The letters.
    pub(super) text: String,
}

/// How letters look; goes on from line to line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    bold: bool,
    italic: bool,
    underlined: bool,
    /// 0 to 15.
    colour: Option<u8>,
    /// 0 to 15.
    ground: Option<u8>,
}

impl Style {
    fn class(self) -> String {
        let mut class = String::new();
        let mut add = |word: &str| {
            if !class.is_empty() {
                class.push(' ');
            }
            class.push_str(word);
        };
        for (is, word) in [(self.bold, "t-bold"), (self.italic, "t-italic"), (self.underlined, "t-under")] {
            if is {
                add(word);
            }
        }
        if let Some(colour) = self.colour {
            add(&format!("t-{colour}"));
        }
        if let Some(ground) = self.ground {
            add(&format!("t-on-{ground}"));
        }
        class
    }

    /// Takes the numbers of `ESC [ … m`.
    fn take(&mut self, numbers: &[u16]) {
        let mut numbers = numbers.iter().copied();
        while let Some(number) = numbers.next() {
            let near = |base: u16| u8::try_from(number - base).ok();
            match number {
                0 => *self = Self::default(),
                1 => self.bold = true,
                3 => self.italic = true,
                4 => self.underlined = true,
                22 => self.bold = false,
                23 => self.italic = false,
                24 => self.underlined = false,
                30..=37 => self.colour = near(30),
                39 => self.colour = None,
                40..=47 => self.ground = near(40),
                49 => self.ground = None,
                90..=97 => self.colour = near(82),
                100..=107 => self.ground = near(92),
                38 | 48 => {
                    // One of 256, of which 16 are known here, or red, green and blue.
                    let colour = match numbers.next() {
                        Some(5) => numbers.next().and_then(|one| u8::try_from(one).ok()).filter(|one| *one < 16),
                        Some(2) => {
                            let _ = (numbers.next(), numbers.next(), numbers.next());
                            None
                        }
                        _ => None,
                    };
                    if number == 38 {
                        self.colour = colour;
                    } else {
                        self.ground = colour;
                    }
                }
                _ => {}
            }
        }
    }
}

/// One line in pieces of one look each; `style` is that of the line's begin, then of its end. `room` is how many pieces with a
/// look of their own the page may still have.
pub(super) fn spans(line: &str, style: &mut Style, room: &mut usize) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut text = String::new();
    let mut shown = *style;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => escape(&mut rest, style),
            '\t' => text.push(c),
            c if c.is_control() => continue,
            c => {
                if *style != shown {
                    push(&mut spans, &mut text, shown, room);
                    shown = *style;
                }
                text.push(c);
            }
        }
    }
    push(&mut spans, &mut text, shown, room);
    spans
}

fn push(spans: &mut Vec<Span>, text: &mut String, style: Style, room: &mut usize) {
    if text.is_empty() {
        return;
    }
    let plain = style == Style::default() || spans.len() >= SPANS || *room == 0;
    let class = if plain { String::new() } else { style.class() };
    *room = room.saturating_sub(usize::from(!plain));
    match spans.last_mut() {
        Some(last) if last.class == class => last.text.push_str(text),
        _ => spans.push(Span { class, text: text.clone() }),
    }
    text.clear();
}

/// Passes over what an escape begins; takes colours.
fn escape(rest: &mut std::str::Chars<'_>, style: &mut Style) {
    let mut ahead = rest.clone();
    match ahead.next() {
        Some('[') => {
            *rest = ahead;
            let mut numbers = vec![0_u16];
            let mut private = false;
            // A control sequence ends with its first character from @ to ~.
            for c in rest.by_ref() {
                match c {
                    '0'..='9' => {
                        let digit = u16::try_from(c.to_digit(10).unwrap_or_default()).unwrap_or_default();
                        if let Some(last) = numbers.last_mut() {
                            *last = last.saturating_mul(10).saturating_add(digit);
                        }
                    }
                    ';' | ':' => {
                        if numbers.len() < NUMBERS {
                            numbers.push(0);
                        } else {
                            private = true;
                        }
                    }
                    'm' if !private => return style.take(&numbers),
                    '@'..='~' => return,
                    _ => private = true,
                }
            }
        }
        // Titles and links of terminals: up to the bell, or ESC \.
        Some(']') => {
            *rest = ahead;
            while let Some(c) = rest.next() {
                if c == '\u{7}' {
                    return;
                }
                if c == '\u{1b}' {
                    if rest.clone().next() == Some('\\') {
                        rest.next();
                    }
                    return;
                }
            }
        }
        // Two characters.
        Some('(' | ')' | '#' | '%') => {
            *rest = ahead;
            rest.next();
        }
        Some('@'..='~' | '0'..='?') => *rest = ahead,
        _ => {}
    }
}

/// A line as letters alone.
pub(super) fn plain(line: &str) -> String {
    spans(line, &mut Style::default(), &mut 0).into_iter().map(|span| span.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<(String, String)> {
        let spans = spans(line, &mut Style::default(), &mut 1000);
        spans.into_iter().map(|span| (span.class, span.text)).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(class, text)| ((*class).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn colours_become_classes_and_everything_else_goes() {
        let gcc = "a.c:3:5: \u{1b}[01;31m\u{1b}[Kerror: \u{1b}[m\u{1b}[Kexpected";
        assert_eq!(shown(gcc), pairs(&[("", "a.c:3:5: "), ("t-bold t-1", "error: "), ("", "expected")]));
        assert_eq!(shown("\u{1b}[38;5;9mx\u{1b}[38;5;200my\u{1b}[48;2;1;2;3mz"), pairs(&[("t-9", "x"), ("", "yz")]));
        assert_eq!(shown("\u{1b}[97;104mx"), pairs(&[("t-15 t-on-12", "x")]));
        assert_eq!(shown("\u{1b}[3;4mx\u{1b}[23my\u{1b}[24mz").len(), 3);
    }

    #[test]
    fn hostile_sequences_can_do_nothing() {
        for (bad, text) in [
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;javascript:alert(1)\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}[2Jx\u{1b}[H\u{1b}[?25l", "x"),
            ("\u{1b}c\u{1b}(Bx\u{1b}", "x"),
            ("\u{1b}[<script>x", "cript>x"),
            ("\u{1b}[99999999999999999999;38;5;70000mx", "x"),
            ("a\u{8}\u{0}\rb\u{7f}\u{9b}31m", "ab31m"),
            ("\u{1b}]never ends", ""),
            ("\u{1b}[31", ""),
            ("\u{1b}[38;5mx\u{1b}[38my", "xy"),
        ] {
            assert_eq!(plain(bad), text, "{bad:?}");
        }
        let many = format!("\u{1b}[{}mx", "1;".repeat(100_000));
        assert_eq!(shown(&many), pairs(&[("", "x")]));
        assert_eq!(shown("<b>\u{1b}[31m<i>"), pairs(&[("", "<b>"), ("t-1", "<i>")]), "the template escapes");
    }

    #[test]
    fn pieces_of_a_line_and_of_a_page_are_bounded() {
        let rainbow: String = (0..10_000).map(|n| format!("\u{1b}[3{}mx", n % 8)).collect();
        let spans = shown(&rainbow);
        assert_eq!(spans.len(), SPANS + 1);
        assert_eq!(spans.iter().map(|(_, text)| text.len()).sum::<usize>(), 10_000);
        let mut room = 3;
        let few = super::spans(&rainbow, &mut Style::default(), &mut room);
        assert_eq!((few.len(), room), (4, 0));
    }

    #[test]
    fn a_colour_goes_on_in_the_next_line() {
        let mut style = Style::default();
        spans("\u{1b}[32mgreen", &mut style, &mut 9);
        assert_eq!(spans("still", &mut style, &mut 9), [Span { class: "t-2".to_owned(), text: "still".to_owned() }]);
    }
}
