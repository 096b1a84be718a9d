//! The commands of a console block: what a reader pastes, taken apart without a shell.

/// One command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// `NAME=value` before the program.
    pub(crate) env: Vec<(String, String)>,
    /// The program and its arguments.
    pub(crate) words: Vec<String>,
    /// Whether `2>&1` makes one stream of both.
    pub(crate) merged: bool,
    pub(crate) stdin: Stdin,
}

/// What the command reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stdin {
    Nothing,
    Text(String),
    File(String),
}

impl CommandLine {
    /// # Errors
    ///
    /// If the line needs a shell for more than `NAME=value`, `2>&1`, `< FILE` and `echo … |`.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let words = shlex::split(line)
            .ok_or_else(|| format!("a quotation mark is not closed in `{line}`"))?;
        let mut stages: Vec<Vec<String>> = words
            .split(|word| word == "|")
            .map(<[String]>::to_vec)
            .collect();
        let last = stages.pop().unwrap_or_default();
        let mut command = Self::stage(last, line)?;
        match &stages[..] {
            [] => {}
            [source] if command.stdin == Stdin::Nothing => {
                command.stdin = Stdin::Text(said(source)?);
            }
            _ => return Err(format!("there is no shell here to run `{line}`")),
        }
        Ok(command)
    }

    fn stage(words: Vec<String>, line: &str) -> Result<Self, String> {
        let mut command = Self {
            env: Vec::new(),
            words: Vec::new(),
            merged: false,
            stdin: Stdin::Nothing,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "2>&1" => command.merged = true,
                "<" => match words.next() {
                    Some(file) => command.stdin = Stdin::File(file),
                    None => return Err(format!("`<` needs a file in `{line}`")),
                },
                "&" => {
                    return Err(format!(
                        "write `<!-- replay: background -->` above the block instead of `&`: `{line}`"
                    ));
                }
                "&&" | "||" | ";" | ">" | ">>" | "2>" => {
                    return Err(format!(
                        "there is no shell here for the `{word}` of `{line}`"
                    ));
                }
                word if word.contains(['$', '`']) => {
                    return Err(format!(
                        "there is no shell here for the `{word}` of `{line}`"
                    ));
                }
                word if command.words.is_empty() && assignment(word).is_some() => {
                    command.env.extend(assignment(word));
                }
                _ => command.words.push(word),
            }
        }
        if command.words.is_empty() {
            return Err(format!("no program in `{line}`"));
        }
        Ok(command)
    }
}

fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

/// What `echo` or `printf` prints.
fn said(words: &[String]) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("nothing stands before `|`")?;
    match (program.as_str(), arguments) {
        ("echo", text) => Ok(format!("{}\n", text.join(" "))),
        ("printf", [text]) if !text.contains('%') => Ok(text
            .replace("\\r", "\r")
            .replace("\\n", "\n")
            .replace("\\t", "\t")),
        _ => Err(format!(
            "only `echo` and `printf` without `%` can stand before `|`, not `{program}`"
        )),
    }
}

/// What a `cargo` command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cargo {
    /// `cargo run`
    Run {
        package: String,
        target: Target,
        release: bool,
        arguments: Vec<String>,
    },
    /// `cargo test`, `build`, `check` or `clippy` of one package, with its other arguments.
    Package {
        subcommand: String,
        package: String,
        arguments: Vec<String>,
    },
    /// `cargo xtask`
    Xtask(Vec<String>),
    /// `cargo tree`, which only looks.
    Tree(Vec<String>),
}

/// Which program of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Default,
    Bin(String),
    Example(String),
}

impl Cargo {
    /// `words` come after `cargo`.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let quiet = |word: &&String| matches!(word.as_str(), "-q" | "--quiet");
        let skip = words.iter().take_while(quiet).count();
        let Some((subcommand, rest)) = words[skip..].split_first() else {
            return Err("`cargo` alone does nothing".to_owned());
        };
        match subcommand.as_str() {
            "run" | "r" => Self::parse_run(rest),
            "test" | "t" | "build" | "b" | "check" | "c" | "clippy" => {
                let subcommand = match subcommand.as_str() {
                    "t" => "test",
                    "b" => "build",
                    "c" => "check",
                    whole => whole,
                };
                Self::parse_package(subcommand, rest)
            }
            "xtask" => Ok(Self::Xtask(rest.to_vec())),
            "tree" => Ok(Self::Tree(rest.to_vec())),
            other => Err(format!(
                "`cargo {other}` cannot be replayed: put it in a ```sh block"
            )),
        }
    }

    fn parse_run(words: &[String]) -> Result<Self, String> {
        let (options, arguments) = at_dashes(words);
        let (package, options) = package_of(options)?;
        let mut target = Target::Default;
        let mut release = false;
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match option.as_str() {
                "-q" | "--quiet" | "--locked" | "--offline" => {}
                "-r" | "--release" => release = true,
                "--bin" => target = Target::Bin(value(option, options.next())?),
                "--example" => target = Target::Example(value(option, options.next())?),
                other => return Err(format!("`{other}` of `cargo run` is not supported here")),
            }
        }
        Ok(Self::Run {
            package,
            target,
            release,
            arguments: arguments.to_vec(),
        })
    }

    fn parse_package(subcommand: &str, words: &[String]) -> Result<Self, String> {
        let (options, arguments) = at_dashes(words);
        let (package, mut options) = package_of(options)?;
        if options.iter().any(|option| option == "--workspace") {
            return Err("one package at a time can be replayed, not the workspace".to_owned());
        }
        if !arguments.is_empty() {
            options.push("--".to_owned());
            options.extend_from_slice(arguments);
        }
        Ok(Self::Package {
            subcommand: subcommand.to_owned(),
            package,
            arguments: options,
        })
    }
}

fn at_dashes(words: &[String]) -> (&[String], &[String]) {
    match words.iter().position(|word| word == "--") {
        Some(at) => (&words[..at], &words[at + 1..]),
        None => (words, &[]),
    }
}

fn value(option: &str, value: Option<&String>) -> Result<String, String> {
    value
        .cloned()
        .ok_or_else(|| format!("`{option}` needs a value"))
}

/// The package that `-p` names, and the other options.
fn package_of(options: &[String]) -> Result<(String, Vec<String>), String> {
    let mut package = None;
    let mut others = Vec::new();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        if option == "-p" || option == "--package" {
            package = Some(value(option, options.next())?);
        } else if let Some(name) = option.strip_prefix("--package=") {
            package = Some(name.to_owned());
        } else {
            others.push(option.clone());
        }
    }
    let package = package.ok_or("name the package: `cargo … -p NAME`")?;
    Ok((package, others))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> CommandLine {
        CommandLine::parse(line).unwrap()
    }

    fn cargo(line: &str) -> Result<Cargo, String> {
        Cargo::parse(&shlex::split(line).unwrap())
    }

    #[test]
    fn words_quotes_variables_and_streams() {
        let command = parse("RUST_LOG=debug A= curl -d 'a b' http://127.0.0.1:8080/ 2>&1");
        let env = [
            ("RUST_LOG".to_owned(), "debug".to_owned()),
            ("A".to_owned(), String::new()),
        ];
        assert_eq!(command.env, env);
        assert_eq!(
            command.words,
            ["curl", "-d", "a b", "http://127.0.0.1:8080/"]
        );
        assert!(command.merged);
        assert!(!parse("curl http://127.0.0.1/?a=b").merged);
    }

    #[test]
    fn standard_input_comes_from_a_file_or_from_echo() {
        assert_eq!(
            parse("cargo run -p a < in.txt").stdin,
            Stdin::File("in.txt".to_owned())
        );
        assert_eq!(
            parse("echo one two | cargo run -p a").stdin,
            Stdin::Text("one two\n".to_owned())
        );
        assert_eq!(
            parse("printf 'a\\r\\nb' | cargo run -p a").stdin,
            Stdin::Text("a\r\nb".to_owned())
        );
        assert!(CommandLine::parse("printf '%s' a | cargo run -p a").is_err());
        assert!(CommandLine::parse("cat a | cargo run -p a").is_err());
        assert!(CommandLine::parse("echo a | cargo run -p a | cargo run -p b").is_err());
    }

    #[test]
    fn what_needs_a_shell_is_refused() {
        for line in ["a && b", "a > b", "a; b ; c", "echo $HOME", "a 'b", "A=1"] {
            assert!(CommandLine::parse(line).is_err(), "{line}");
        }
        let error = CommandLine::parse("cargo run -p web-server &").unwrap_err();
        assert!(error.contains("replay: background"), "{error}");
    }

    #[test]
    fn cargo_run_names_a_package() {
        let run = |package: &str, target, release, arguments: &[&str]| {
            Ok(Cargo::Run {
                package: package.to_owned(),
                target,
                release,
                arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            })
        };
        assert_eq!(
            cargo("run -p gather -- --timeline x"),
            run("gather", Target::Default, false, &["--timeline", "x"])
        );
        assert_eq!(
            cargo("-q run --release --package=gather --example load"),
            run("gather", Target::Example("load".to_owned()), true, &[])
        );
        assert!(cargo("run").unwrap_err().contains("-p NAME"));
        assert!(
            cargo("run -p gather --timeline")
                .unwrap_err()
                .contains("`--timeline`")
        );
    }

    #[test]
    fn other_cargo_commands() {
        assert_eq!(
            cargo("test -p gather five -- --nocapture"),
            Ok(Cargo::Package {
                subcommand: "test".to_owned(),
                package: "gather".to_owned(),
                arguments: vec!["five".to_owned(), "--".to_owned(), "--nocapture".to_owned()],
            })
        );
        assert_eq!(
            cargo("xtask help"),
            Ok(Cargo::Xtask(vec!["help".to_owned()]))
        );
        assert!(cargo("publish").unwrap_err().contains("```sh"));
        assert!(cargo("test --workspace -p a").is_err());
    }
}
