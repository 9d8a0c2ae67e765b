//! The required declarations of an environment's WGSL file, and the errors for files that break the contract.

use crate::environments::bodies;
use crate::program::plan::Plan;
use crate::program::profile::PROFILES;
use crate::program::{kernel, schedule};
use crate::spec::config::Config;
use crate::spec::data::{Array, Data, data_lines};
use crate::spec::environment::{self, Actions, Environment, MOST_OBSERVATION, Parameter, StateReader};
use crate::spec::layout::Layout;
use crate::spec::sources::{Place, Sources, code};
use crate::support::error::{Error, Result};
use crate::support::text::{did_you_mean, nearest_name, plural};
use crate::wgsl::branches::{Endless, endless, statements};
use crate::wgsl::environment::data;
use crate::wgsl::{compose, history, reflect};
use naga::keywords::wgsl::{BUILTIN_IDENTIFIERS, RESERVED};
use naga::{Expression, Function, Handle, Module, ScalarKind, Statement, Type, TypeInner};
use std::ops::RangeInclusive;

/// Most words of state: it lives in an invocation's registers or stack.
const MOST_STATE_WORDS: usize = 1024;
/// Axes of an observation with a shape.
const AXES: RangeInclusive<usize> = 2..=4;
/// Most outputs of the actor.
const MOST_OUTPUTS: usize = 1024;

/// Reads the environment that `source` declares; `name` is its standard name or the file's path, `sources` are the files of the text, and `data` are the
/// arrays that it may read.
///
/// # Errors
/// [`Error::Environment`], with the files' own lines if known, and what to do.
pub fn read(name: &str, source: &str, sources: Sources, data: Data) -> Result<Environment> {
    let file = File { name, source, code: &code(source), sources: &sources, data: &data };
    file.refuse_what_kernels_own()?;
    file.refuse_aliases()?;
    file.refuse_names_of_wgsl()?;
    let module = file.parse()?;
    let file = Parsed { file, module: &module };

    let observation = file.count("OBSERVATION", MOST_OBSERVATION)?;
    let shape = file.shape(observation)?;
    let privileged = file.privileged(observation, &shape)?;
    let time_limit = file.count("TIME_LIMIT", u32::MAX as usize)? as u32;
    let actions = file.actions()?;
    if actions.outputs() > MOST_OUTPUTS {
        return Err(file.error("ACTION", format!("{} are too many", actions.describe()), format!("at most {MOST_OUTPUTS} outputs of the actor")));
    }
    if reflect::structure(&module, "EnvState").is_none() {
        return Err(file.error("", "there is no `struct EnvState`", file.file.declare("EnvState").unwrap_or_default()));
    }
    let state = file.stored_state()?;
    let state_words = state.words();
    if state_words > MOST_STATE_WORDS {
        let problem = format!("`EnvState` has {state_words} words of 4 bytes, at most {MOST_STATE_WORDS} are allowed");
        return Err(file.error("struct EnvState", problem, "pack flags into bits of a u32, and recompute what can be recomputed"));
    }
    file.loops_end()?;
    let action = actions.wgsl_type();
    let observed = format!("array<f32, {observation}>");
    let mask = format!("array<bool, {}>", actions.outputs());
    let generator = "ptr<function, Rng>";
    file.function("env_reset", &[generator], "EnvState", true)?;
    file.function("env_step", &["ptr<function, EnvState>", &action, generator], "Outcome", true)?;
    let binary = file.function("env_component", &["ptr<function, EnvState>", "u32"], "bool", false)?;
    let mut by_pointer = Vec::new();
    if file.reader(StateReader::Observe, &[], &observed, !binary, &mut by_pointer)? && binary {
        let help = "remove one of them; env_component is for hundreds of components that are each 0 or 1";
        return Err(file.error("fn env_component", "both `env_observe` and `env_component` define the observation", help));
    }
    if matches!(actions, Actions::Continuous { .. }) && file.named(StateReader::ActionMask.name()).is_some() {
        return Err(file.error("fn env_action_mask", "continuous actions cannot be masked", "remove env_action_mask"));
    }
    let masked = file.reader(StateReader::ActionMask, &[], &mask, false, &mut by_pointer)?;
    let pictured = file.reader(StateReader::Pixel, &["vec2<f32>"], "vec3<f32>", false, &mut by_pointer)?;
    for name in by_pointer.iter().map(|reader| reader.name()).chain(["env_component"]) {
        file.leaves_the_state(name)?;
    }
    file.points_to_variables()?;
    let solved_return = reflect::constant(&module, "SOLVED_RETURN").map(|value| value as f32);
    if solved_return.is_none() && file.file.line_of("const SOLVED_RETURN").is_some() {
        return Err(file.error("const SOLVED_RETURN", "`SOLVED_RETURN` is not a number with a type", "write const SOLVED_RETURN: f32 = 1.0;"));
    }
    file.file.refuse_what_is_not_used()?;
    Ok(Environment {
        name: name.into(),
        source: source.into(),
        observation,
        history: 1,
        shape,
        privileged,
        masked,
        pictured,
        parameters: file.parameters()?,
        time_limit,
        solved_return,
        state,
        actions,
        binary,
        by_pointer,
        sources: sources.clone(),
        data: data.clone(),
        loops: module.functions.iter().any(|(_, function)| statements(&function.body).into_iter().any(|it| matches!(it, Statement::Loop { .. }))),
        built_in: false,
    })
}

/// Whether an expression, of a part of something, is a pointer to that part.
fn is_pointer(module: &Module, function: &Function, mut part: Handle<Expression>) -> bool {
    loop {
        match function.expressions[part] {
            Expression::Access { base, .. } | Expression::AccessIndex { base, .. } => part = base,
            Expression::LocalVariable(_) | Expression::GlobalVariable(_) => return true,
            Expression::FunctionArgument(number) => {
                return matches!(module.types[function.arguments[number as usize].ty].inner, TypeInner::Pointer { .. });
            }
            _ => return false,
        }
    }
}

/// Whether a function, or one that it calls, stores to what its argument number `argument` points to.
fn stores_to(module: &Module, function: &Function, argument: u32) -> bool {
    let points_to_it = |mut pointer: Handle<Expression>| {
        loop {
            match function.expressions[pointer] {
                Expression::Access { base, .. } | Expression::AccessIndex { base, .. } => pointer = base,
                Expression::FunctionArgument(number) => return number == argument,
                _ => return false,
            }
        }
    };
    let stores = |statement: &Statement| match statement {
        Statement::Store { pointer, .. } => points_to_it(*pointer),
        Statement::Call { function, arguments, .. } => {
            arguments.iter().zip(0..).any(|(&given, number)| points_to_it(given) && stores_to(module, &module.functions[*function], number))
        }
        _ => false,
    };
    statements(&function.body).into_iter().any(stores)
}

/// Compiles the kernels that include `environment`, which must not reuse their names.
///
/// # Errors
/// [`Error::Environment`], with the file's own lines where they are known, and what to do.
pub fn fits_into_kernels(environment: &Environment) -> Result<()> {
    let outline = Environment { source: bodies::without_physics(&environment.source), ..environment.clone() };
    for profile in PROFILES {
        let config = Config { envs: 4, steps: 4, hidden: vec![4, 4], ..Config::default() };
        let Ok(plan) = Plan::with_environment(&config, environment.clone(), *profile) else { continue };
        let plan = Plan { environment: outline.clone(), ..plan };
        let drawing = environment.pictured.then(|| schedule::drawing(1));
        for program in [Some(schedule::playing(&plan)), drawing].into_iter().flatten() {
            for kernel in program.kernels {
                let composed = compose::compose_with(kernel, &plan, &program.constants).text;
                if let Err(Error::Shader { report, .. }) = reflect::parse(kernel.name, &composed) {
                    return Err(in_terms_of_the_file(&outline, kernel.name, &composed, &report, ""));
                }
            }
        }
    }
    Ok(())
}

/// The error for an environment that compiles by itself, but not as part of `kernel`, whose full text is `composed`. `why` is an additional
/// explanation.
fn in_terms_of_the_file(environment: &Environment, kernel: &str, composed: &str, report: &str, why: &str) -> Error {
    let Environment { name, sources, data, .. } = environment;
    let source = &history::text(environment);
    let file = File { name, source, code: &code(source), sources, data };
    let problem = cause(composed).map_or_else(|| first_line(report), |(_, problem)| problem);
    // The file begins further down in the kernel; a clash of names is reported at the file's own declaration.
    let offset = composed.find(file.source).map_or(0, |start| composed[..start].lines().count());
    let lines = environment.source.lines().count();
    let line = reported_line(report).and_then(|line| line.checked_sub(offset)).filter(|line| (1..=lines).contains(line));
    let report = file.sources.in_report(report, offset + 1..offset + 1 + lines);
    let named = || {
        let name = quoted_name(&problem)?;
        ["fn ", "struct ", "const ", "alias "].iter().find_map(|kind| file.line_of(&format!("{kind}{name}")))
    };
    let help = if let Some(help) = file.clash_with_data(&problem) {
        help
    } else if problem.contains("redefinition") {
        "the kernels around an environment already use this name: choose another, for instance with a prefix".into()
    } else if why.is_empty() {
        format!("the file compiles by itself, but not as part of the kernel `{kernel}`\n{report}")
    } else {
        format!("{why}\n{report}")
    };
    file.error(named().or(line), problem, help)
}

/// An error of a kernel in terms of the environment's file, if the file compiles with its standard parameters. Constants are folded, so that the root of a
/// negative parameter, for instance, is found only when the kernels of a run are compiled. Other errors are unchanged.
pub fn with_parameters(plan: &Plan, error: Error) -> Error {
    match error {
        Error::Shader { kernel, report } if !plan.config.env_parameters.is_empty() => {
            let settings: Vec<String> = plan.config.env_parameters.iter().map(|(name, setting)| format!("{name} = {setting}")).collect();
            let why = format!("the file compiles with its standard parameters, but not with {}", settings.join(", "));
            let composed = kernel::all(plan).into_iter().find(|known| known.name == kernel).map(|kernel| compose::compose(kernel, plan));
            in_terms_of_the_file(&plan.environment, &kernel, &composed.map_or(String::new(), |composed| composed.text), &report, &why)
        }
        other => other,
    }
}

/// Code that is compiled together with the file to read it: substitutes for declarations of the kernels.
const PRELUDE: &str = "\n//! import rng\n//! import outcome\n";

/// The constant with the number of privileged components of an observation.
const PRIVILEGED: &str = "PRIVILEGED_OBSERVATION";

/// What a file may declare for the program: keywords and names.
const CONTRACT: [(&str, &str); 18] = [
    ("const", "OBSERVATION"),
    ("const", "OBSERVATION_SHAPE"),
    ("const", PRIVILEGED),
    ("const", "ACTIONS"),
    ("const", "ACTION_COUNTS"),
    ("const", "ACTION_LOW"),
    ("const", "ACTION_HIGH"),
    ("const", "TIME_LIMIT"),
    ("const", "SOLVED_RETURN"),
    ("const", "DEFAULT_PARAMETERS"),
    ("struct", "EnvState"),
    ("struct", "EnvParameters"),
    ("fn", "env_reset"),
    ("fn", "env_step"),
    ("fn", "env_observe"),
    ("fn", "env_component"),
    ("fn", "env_action_mask"),
    ("fn", "env_pixel"),
];

/// The ways to say what an action is.
const KINDS_OF_ACTIONS: &str =
    "one of: const ACTIONS: u32 = 2u; const ACTION_COUNTS = array(3u, 3u); const ACTION_LOW = array(-1.0f) and const ACTION_HIGH = array(1.0f)";

/// A file that is not compiled yet.
#[derive(Clone, Copy)]
struct File<'a> {
    name: &'a str,
    source: &'a str,
    /// `source` without its comments.
    code: &'a str,
    /// The files of `source`.
    sources: &'a Sources,
    /// The arrays that it may read.
    data: &'a Data,
}

impl File<'_> {
    /// The error at a line of `source`, or of the whole file.
    fn error(&self, line: Option<usize>, problem: String, help: String) -> Error {
        let place = line.map(|line| self.sources.place(line));
        let (path, line) = place.map_or((self.name.into(), None), |Place { path, line }| (path, Some(line)));
        Error::Environment { path, line, problem, help }
    }

    /// Number (from 1) of the first line whose code contains `text`.
    fn line_of(&self, text: &str) -> Option<usize> {
        (!text.is_empty()).then(|| self.code.lines().position(|line| line.contains(text)).map(|line| line + 1)).flatten()
    }

    /// Refuses declarations that would change the kernels around the environment.
    fn refuse_what_kernels_own(&self) -> Result<()> {
        let pure = "an environment consists of constants, structures and functions";
        for (text, what, help) in [
            ("Barrier(", "a barrier", "remove it: each invocation steps an environment of its own, and none waits for another"),
            ("workgroupUniformLoad", "memory that invocations share", pure),
            ("@compute", "an entry point", pure),
            ("@vertex", "an entry point", pure),
            ("@fragment", "an entry point", pure),
            ("subgroup", "an operation across invocations", "remove it: each invocation steps an environment of its own"),
            ("@group", "a binding", pure),
            ("env_data", "the buffer of all arrays", "call the functions that have the arrays' names"),
            ("@binding", "a binding", pure),
            ("var<", "a variable outside functions", "keep in EnvState what lives between steps; variables of functions are written `var x`"),
            ("override ", "an override", "write `const`; what is to be changed from outside goes into EnvParameters"),
            ("enable ", "a directive", pure),
            ("requires ", "a directive", pure),
            ("diagnostic(", "a directive", pure),
        ] {
            let directive = what == "a directive" || what == "an override";
            let found = self.code.lines().position(|code| if directive { code.trim_start().starts_with(text) } else { code.contains(text) });
            if let Some(line) = found {
                return Err(self.error(Some(line + 1), format!("{what} has no place in an environment"), help.into()));
            }
        }
        Ok(())
    }

    /// Refuses other names for structures under those that kernels look for.
    fn refuse_aliases(&self) -> Result<()> {
        match ["EnvState", "EnvParameters"].into_iter().find_map(|name| Some((name, self.line_of_declaration("alias", name)?))) {
            Some((name, line)) => {
                let help = format!("give the structure itself this name: struct {name} {{ ... }}");
                Err(self.error(Some(line), format!("`{name}` is an alias"), help))
            }
            None => Ok(()),
        }
    }

    /// Refuses declarations and arrays with names that WGSL gives a meaning: the kernels around an environment would use them in its place.
    fn refuse_names_of_wgsl(&self) -> Result<()> {
        let has_meaning = |name: &str| [RESERVED, BUILTIN_IDENTIFIERS].iter().any(|words| words.contains(&name));
        if let Some((keyword, name, line)) = self.declarations().into_iter().find(|(_, name, _)| has_meaning(name)) {
            let problem = format!("`{keyword} {name}` has a name with a meaning in WGSL");
            let missing = CONTRACT.iter().find(|(_, known)| known.strip_prefix("env_") == Some(name) && self.line_of_declaration("fn", known).is_none());
            let meant = missing.map(|(_, known)| format!("; did you mean '{known}'?")).unwrap_or_default();
            return Err(self.error(Some(line), problem, format!("choose another name, for instance with a prefix{meant}")));
        }
        match self.data.arrays.iter().find(|array| has_meaning(&array.name)) {
            Some(Array { name, file, .. }) => {
                let line = data_lines(self.source).first().map(|(number, _)| *number);
                let problem = format!("the array `{name}` of {file} has a name with a meaning in WGSL");
                Err(self.error(line, problem, "give it another name, for instance with a prefix".into()))
            }
            None => Ok(()),
        }
    }

    /// What to do about a `problem` that is the second declaration of a name, if an array has it.
    fn clash_with_data(&self, problem: &str) -> Option<String> {
        let name = quoted_name(problem).filter(|_| problem.contains("redefinition"))?;
        let Array { name: array, file, .. } = self.data.arrays.iter().find(|array| array.declares(name))?;
        let places = self.places_of(name);
        let declared =
            if places.is_empty() { "the kernels around an environment use this name".into() } else { format!("it is declared in {}", places.join(" and ")) };
        Some(format!("{declared}, and for the array `{array}` of {file}: rename the array"))
    }

    /// What the file declares outside functions and structures: keyword, name and line.
    fn declarations(&self) -> Vec<(&str, &str, usize)> {
        let (mut found, mut depth, mut keyword) = (Vec::new(), 0, None);
        for (line, number) in self.code.lines().zip(1..) {
            let mut rest = line;
            while let Some(next) = rest.chars().next() {
                let word = words(rest).next().unwrap_or_default();
                depth += i32::from("{([".contains(next)) - i32::from("})]".contains(next));
                match keyword {
                    _ if word.is_empty() || depth > 0 => {}
                    Some(keyword_) => {
                        found.push((keyword_, word, number));
                        keyword = None;
                    }
                    None => keyword = ["const", "fn", "struct", "alias"].into_iter().find(|keyword| *keyword == word),
                }
                rest = &rest[word.len().max(next.len_utf8())..];
            }
        }
        found
    }

    /// Refuses declarations that would be ignored: of a name that the contract gives another kind, or of a name that is nearly one of the contract's.
    fn refuse_what_is_not_used(&self) -> Result<()> {
        /// Below this, names have little in common.
        const ALIKE: f64 = 0.85;
        let declared = self.declarations();
        for &(keyword, name, line) in &declared {
            if let Some((right, _)) = CONTRACT.iter().find(|(_, known)| *known == name) {
                if *right != keyword {
                    return Err(self.error(Some(line), format!("`{keyword} {name}` is not used"), format!("declare it as `{right}`, or choose another name")));
                }
                continue;
            }
            let is_used = words(self.code).filter(|word| *word == name).count() > 1;
            let near = nearest_name(name, CONTRACT.iter().map(|(_, known)| *known), ALIKE);
            if !is_used && (near.is_some() || keyword == "fn" && name.starts_with("env_")) {
                let meant = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
                return Err(self.error(Some(line), format!("`{keyword} {name}` is not used"), format!("remove it, use it, or choose another name{meant}")));
            }
        }
        match declared.iter().find(|(_, name, _)| *name == "DEFAULT_PARAMETERS") {
            Some((_, _, line)) if self.line_of_declaration("struct", "EnvParameters").is_none() => {
                let help = "declare the parameters: struct EnvParameters { gravity: f32 }";
                Err(self.error(Some(*line), "`DEFAULT_PARAMETERS` has no `struct EnvParameters`".into(), help.into()))
            }
            _ => Ok(()),
        }
    }

    /// Whether code reads this field of `parameters`, or may, since it uses them as a whole.
    fn reads_parameter(&self, name: &str) -> bool {
        let uses = self.code.match_indices("parameters").filter(|(at, word)| {
            let is_part = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
            !is_part(self.code[..*at].chars().next_back()) && !is_part(self.code[at + word.len()..].chars().next())
        });
        let mut fields = uses.map(|(at, word)| self.code[at + word.len()..].trim_start().strip_prefix('.').map(str::trim_start));
        fields.any(|field| field.is_none_or(|field| words(field).next() == Some(name)))
    }

    /// How to declare what a file needs under this name; none if it needs nothing of this name.
    fn declare(&self, name: &str) -> Option<String> {
        let (keyword, how) = match name {
            "OBSERVATION" => ("const", "declare it, with its type: const OBSERVATION: u32 = 4u; (components of the observation)"),
            "TIME_LIMIT" => ("const", "declare it, with its type: const TIME_LIMIT: u32 = 200u; (in steps; 0xffffffffu for none)"),
            "ACTIONS" | "ACTION_COUNTS" | "ACTION_LOW" | "ACTION_HIGH" => ("const", KINDS_OF_ACTIONS),
            "EnvState" => ("struct", "declare what an environment keeps between steps: struct EnvState { x: f32 }"),
            _ => return None,
        };
        Some(format!("{how}{}", self.alike(keyword, name)))
    }

    fn line_of_declaration(&self, keyword: &str, name: &str) -> Option<usize> {
        self.declarations().into_iter().find(|(declared, of, _)| (*declared, *of) == (keyword, name)).map(|(_, _, line)| line)
    }

    /// "mine.wgsl:7" for each declaration of `name`.
    fn places_of(&self, name: &str) -> Vec<String> {
        let declarations = self.declarations().into_iter().filter(|(_, declared, _)| *declared == name);
        declarations.map(|(_, _, line)| self.sources.place(line)).map(|Place { path, line }| format!("{path}:{line}")).collect()
    }

    /// " (or is it `x` in line 7?)" for the declaration whose name is nearest to `name`, which is missing; nothing if none is near, or `name` is there.
    fn alike(&self, keyword: &str, name: &str) -> String {
        /// Below this, names have little in common.
        const ALIKE: f64 = 0.9;
        if self.line_of_declaration(keyword, name).is_some() {
            return String::new();
        }
        let declarations = self.declarations();
        let names = || declarations.iter().filter(|(declared, _, _)| *declared == keyword).map(|(_, name, _)| *name);
        let without_prefix = names().find(|declared| name.strip_prefix("env_") == Some(declared));
        let found = without_prefix.or_else(|| nearest_name(name, names(), ALIKE));
        let Some((found, line)) = found.and_then(|found| Some((found, self.line_of_declaration(keyword, found)?))) else { return String::new() };
        let Place { path, line } = self.sources.place(line);
        let file = if path == self.name { String::new() } else { format!(" of {path}") };
        format!(" (or is it `{found}` in line {line}{file}?)")
    }

    fn parse(&self) -> Result<Module> {
        let declares_parameters = self.line_of("struct EnvParameters").is_some();
        let parameters = match (declares_parameters, self.line_of("const DEFAULT_PARAMETERS")) {
            (true, Some(_)) => "const parameters = DEFAULT_PARAMETERS;\n",
            (true, None) => {
                let help = "add the standard values, in the order of the fields: const DEFAULT_PARAMETERS = EnvParameters(9.8);";
                return Err(self.error(self.line_of("struct EnvParameters"), "`EnvParameters` has no standard values".into(), help.into()));
            }
            (false, _) => "",
        };
        let text = compose::with_imports(&format!("{}\n{PRELUDE}{parameters}{}", self.source, data(self.data)));
        reflect::parse(self.name.trim_end_matches(".wgsl"), &text).map_err(|error| match error {
            Error::Shader { report, .. } => self.compile_error(&text, &report),
            other => other,
        })
    }

    /// The compiler's report on `text` in terms of the file: what is wrong, and where.
    fn compile_error(&self, text: &str, report: &str) -> Error {
        if let Some(error) = self.ends_too_early().or_else(|| self.miscounted_parameters()) {
            return error;
        }
        let (line, problem) = cause(text).unwrap_or_else(|| (reported_line(report), first_line(report)));
        let lines = self.source.lines().count();
        let in_file = line.filter(|line| *line <= lines);
        let report = self.sources.in_report(report, 1..lines + 1);
        let value = |line: usize| self.code.lines().nth(line - 1).and_then(|line| line.split(['=', ';']).nth(1)).unwrap_or_default().trim();
        let is_zero = |(_, line): &(&str, usize)| ["0u", "0"].contains(&value(*line));
        let zero = || ["OBSERVATION", "ACTIONS"].into_iter().filter_map(|name| Some((name, self.line_of_declaration("const", name)?))).find(is_zero);
        // The compiler's line is that of an array of this length.
        if let Some((name, line)) = zero().filter(|_| problem.contains("must be positive")) {
            return self.error(Some(line), format!("`{name}` is 0"), "a whole number from 1 on".into());
        }
        // It is used before the file is searched for it.
        let missing = quoted_name(&problem).filter(|_| is_unknown(&problem)).and_then(|name| self.declare(name));
        let twice = if problem.contains("redefinition") { self.places_of(quoted_name(&problem).unwrap_or_default()) } else { Vec::new() };
        let with_data = self.clash_with_data(&problem);
        let help = match &problem {
            _ if missing.is_some() => missing.as_deref().unwrap_or_default(),
            _ if with_data.is_some() => with_data.as_deref().unwrap_or_default(),
            _ if twice.len() > 1 => &format!("it is declared in {}: choose another name for one of them", twice.join(" and ")),
            p if p.contains("redefinition") || p.contains("already") => "the name is reserved by ppo-gpu, or declared twice: choose another name",
            p if p.contains("recursi") || p.contains("cyclic") => "WGSL has no recursion: write a loop",
            p if is_unknown(p) && quoted_name(p).is_some_and(|name| name.starts_with("geom_")) => {
                "geoms have no fields: take those of the body that has it, or give it a site; docs/ROBOTS.md describes the names that a robot has"
            }
            p if is_unknown(p) && is_of_robot(p) => {
                "check its spelling; `ppo-gpu env show ROBOT.xml` lists the names that a robot has, and docs/ROBOTS.md describes them"
            }
            p if is_unknown(p) => "declare it, or check its spelling; `ppo-gpu env new NAME` writes a file that lists what an environment may use",
            p if p.contains("conversions") || p.contains("can't work with") => {
                "types are never converted silently: 1.0 is an f32, 1u a u32, 1 an i32; f32(n), u32(n) and i32(n) convert"
            }
            p if p.contains("Composing expects") => "give as many values as the type has; an observation has OBSERVATION",
            p if p.contains("const_assert") => "the condition of this line must hold; the comment there may say what to do",
            p if p.contains("`return`") => "each path through a function must return a value of the type after `->`",
            p if p.contains("out of") && p.contains("bounds") => "indices begin with 0 and end one below the length",
            p if p.contains("address space") => "keep in EnvState what lives between steps; variables are declared in functions",
            p if p.contains("Abstract types") => "give each field one value",
            p if p.starts_with("expected") => "what is missing may be at the end of the line before",
            _ => "",
        };
        // Such a line may say anything about types and arguments.
        let code = in_file.and_then(|line| self.code.lines().nth(line - 1)).unwrap_or_default();
        let of_array = self.data.arrays.iter().find(|array| with_data.is_none() && words(code).any(|word| array.declares(word)));
        let how = of_array.map(|array| format!("\n{}", array.how_to_read())).unwrap_or_default();
        let nearest = if is_unknown(&problem) && missing.is_none() { nearest(text, &problem) } else { String::new() };
        self.error(in_file, problem, format!("{help}{nearest}{how}{}{report}", if help.is_empty() && how.is_empty() { "" } else { "\n" }))
    }

    /// Whether `DEFAULT_PARAMETERS` has as many values as `EnvParameters` has fields. The compiler's message is that of whatever reads a field that is not there.
    fn miscounted_parameters(&self) -> Option<Error> {
        let within = |start: &str, [open, close]: [char; 2]| -> Option<usize> {
            let inside = self.code[self.code.find(start)?..].split_once(open)?.1;
            let mut depth = 0i32;
            let end = inside.find(|c| {
                depth += i32::from(c == '(' || c == '<') - i32::from(c == ')' || c == '>');
                c == close && (close == '}' || depth < 0)
            })?;
            let mut depth = 0i32;
            let parts = inside[..end].split(|c| {
                depth += i32::from(c == '(' || c == '<') - i32::from(c == ')' || c == '>');
                c == ',' && depth == 0
            });
            Some(parts.filter(|part| !part.trim().is_empty()).count())
        };
        let fields = within("struct EnvParameters", ['{', '}'])?;
        let values = within("const DEFAULT_PARAMETERS", ['(', ')'])?;
        let problem = format!("`DEFAULT_PARAMETERS` has {values} values, and `EnvParameters` has {fields} fields");
        let help = "give each field one value, in their order";
        (fields != values && values > 0).then(|| self.error(self.line_of("const DEFAULT_PARAMETERS"), problem, help.into()))
    }

    /// The error for a file that ends within a declaration, if another one's text follows, where the compiler would look for the rest.
    fn ends_too_early(&self) -> Option<Error> {
        let several = self.sources.imported().len() > 0;
        self.sources.prefixes(self.source).filter(|_| several).find_map(|prefix| {
            let error = naga::front::wgsl::parse_str(prefix).err()?;
            let (span, _) = error.labels().next()?;
            let is_at_the_end = span.to_range()?.start >= prefix.trim_end().len();
            let help = "close every bracket and comment, and end each statement and constant with a semicolon";
            // What is found is nothing.
            let expected = error.message().split(", found").next().unwrap_or_default();
            is_at_the_end.then(|| self.error(Some(prefix.trim_end().lines().count()), format!("the file ends too early: {expected}"), help.into()))
        })
    }
}

/// The first name that a compiler's `problem` quotes.
fn quoted_name(problem: &str) -> Option<&str> {
    problem.split('`').nth(1)
}

/// Whether an undeclared name looks like one that a robot brings.
fn is_of_robot(problem: &str) -> bool {
    const BEGINNINGS: [&str; 6] = ["body_", "site_", "joint_", "Q_", "V_", "physics_"];
    quoted_name(problem).is_some_and(|name| BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)))
}

/// Whether a compiler's `problem` is an undeclared name, of a declaration or of a field.
fn is_unknown(problem: &str) -> bool {
    problem.contains("no definition in scope") || problem.contains("invalid field accessor")
}

/// "; did you mean 'x'?" with the identifier of `text`, or the function of WGSL, nearest to the unknown name in `problem`.
fn nearest(text: &str, problem: &str) -> String {
    let Some(unknown) = quoted_name(problem) else { return String::new() };
    let code = code(text);
    let names = words(&code)
        .chain(WGSL_FUNCTIONS.split_whitespace())
        .filter(|word| *word != unknown && word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    // Constants are in capital letters.
    let is_capital = |word: &str| !word.contains(|c: char| c.is_ascii_lowercase());
    let names = names.filter(|word| !is_capital(unknown) || is_capital(word));
    did_you_mean(unknown, names)
}

/// The words of code.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

/// WGSL's functions for numbers and vectors (WGSL specification, section "Built-in functions").
const WGSL_FUNCTIONS: &str = "abs acos acosh all any asin asinh atan atan2 atanh ceil clamp cos cosh countOneBits cross degrees distance dot exp exp2 \
    firstLeadingBit firstTrailingBit floor fma fract length log log2 max min mix modf normalize pow radians reflect refract reverseBits round saturate select sign \
    sin sinh smoothstep sqrt step tan tanh trunc";

/// Line and cause of a validation error in WGSL that parses. The validator's report begins with the function that contains it.
fn cause(text: &str) -> Option<(Option<usize>, String)> {
    let error = reflect::validator().validate(&naga::front::wgsl::parse_str(text).ok()?).err()?;
    let innermost = error.spans().filter_map(|(span, _)| Some((span.to_range()?.len(), span))).min_by_key(|(length, _)| *length);
    let line = innermost.map(|(_, span)| span.location(text).line_number as usize);
    let mut cause: &dyn std::error::Error = error.as_inner();
    while let Some(source) = cause.source() {
        cause = source;
    }
    Some((line, cause.to_string()))
}

/// The first message of a compiler's report.
fn first_line(report: &str) -> String {
    report.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string()
}

/// The line that a compiler's report points to: "┌─ name:12:5".
fn reported_line(report: &str) -> Option<usize> {
    report.lines().find_map(|line| line.split("┌─ ").nth(1)?.rsplit(':').nth(1)?.parse().ok())
}

/// A file that compiles.
struct Parsed<'a> {
    file: File<'a>,
    module: &'a Module,
}

impl Parsed<'_> {
    /// An error at the first line that contains `at`.
    fn error(&self, at: &str, problem: impl Into<String>, help: impl Into<String>) -> Error {
        self.file.error(self.file.line_of(at), problem.into(), help.into())
    }

    /// A constant that is a whole number from 1 to `most`.
    fn count(&self, name: &str, most: usize) -> Result<usize> {
        let at = format!("const {name}");
        let declared = self.module.constants.iter().find(|(_, constant)| constant.name.as_deref() == Some(name));
        if let Some(ty) = declared.map(|(_, constant)| self.type_name(constant.ty)).filter(|ty| ty != "u32") {
            return Err(self.error(&at, format!("`{name}` is of type {ty}"), format!("declare it as u32: const {name}: u32 = 4u;")));
        }
        match reflect::constant(self.module, name) {
            Some(value) if value.fract() == 0.0 && (1.0..=most as f64).contains(&value) => Ok(value as usize),
            Some(value) => Err(self.error(&at, format!("`{name}` is {value}"), format!("a whole number from 1 to {most}"))),
            None => {
                let line = self.file.line_of_declaration("const", name);
                Err(self.file.error(line, format!("there is no number `{name}`"), self.file.declare(name).unwrap_or_default()))
            }
        }
    }

    /// The axes of an observation of `observation` components.
    fn shape(&self, observation: usize) -> Result<Vec<usize>> {
        const NAME: &str = "OBSERVATION_SHAPE";
        let declared = self.module.constants.iter().find(|(_, constant)| constant.name.as_deref() == Some(NAME));
        let line = self.file.line_of_declaration("const", NAME);
        if declared.is_none() && line.is_none() {
            return Ok(vec![observation]);
        }
        let error = |problem: String, help: &str| Err(self.file.error(line, problem, help.into()));
        let example = "const OBSERVATION_SHAPE = array(10u, 10u, 4u);";
        let Some(ty) = declared.map(|(_, constant)| self.type_name(constant.ty)) else {
            return error(format!("`{NAME}` has no type"), &format!("write the types of numbers: {example}"));
        };
        if !ty.starts_with("array<u32, ") {
            return error(format!("`{NAME}` is of type {ty}"), &format!("it is an array of u32: {example}"));
        }
        let Some(axes) = reflect::constant_array(self.module, NAME) else {
            return error(format!("the axes of `{NAME}` are not plain numbers"), &format!("write them in the array: {example}"));
        };
        if !AXES.contains(&axes.len()) {
            let help = format!("{} to {}; without the constant, an observation has one axis", AXES.start(), AXES.end());
            return error(format!("`{NAME}` has {}", plural(axes.len(), "axis", "axes")), &help);
        }
        if let Some(axis) = axes.iter().position(|&length| length == 0.0) {
            return error(format!("axis {axis} of `{NAME}` is 0"), "an axis has a length of at least 1");
        }
        let axes: Vec<usize> = axes.into_iter().map(|length| length as usize).collect();
        let components: u128 = axes.iter().map(|&length| length as u128).product();
        if components != observation as u128 {
            let problem = format!("`{NAME}` has {} = {components} components, and `OBSERVATION` is {observation}", environment::product(&axes));
            return error(problem, "their product must be OBSERVATION: correct an axis, or OBSERVATION");
        }
        Ok(axes)
    }

    /// The last components of an observation of `observation` components, and of this shape, that the policy does not see.
    fn privileged(&self, observation: usize, shape: &[usize]) -> Result<usize> {
        if self.file.line_of_declaration("const", PRIVILEGED).is_none() {
            return Ok(0);
        }
        let error = |problem: String, help: String| Err(self.error(&format!("const {PRIVILEGED}"), problem, help));
        let example = format!("write a whole number with its type: const {PRIVILEGED}: u32 = 3u;");
        let Some((_, constant)) = self.module.constants.iter().find(|(_, constant)| constant.name.as_deref() == Some(PRIVILEGED)) else {
            return error(format!("`{PRIVILEGED}` has no type"), example);
        };
        let Some(count) = reflect::constant(self.module, PRIVILEGED).filter(|_| self.type_name(constant.ty) == "u32").map(|count| count as usize) else {
            return error(format!("`{PRIVILEGED}` is of type {}", self.type_name(constant.ty)), example);
        };
        if count == 0 {
            return error(format!("`{PRIVILEGED}` is 0"), "remove it if the policy sees the whole observation".into());
        }
        if count >= observation {
            let problem = format!("`{PRIVILEGED}` is {count}, and `OBSERVATION` is {observation}: the policy would see nothing");
            let help =
                "`OBSERVATION` counts all components, the privileged ones, which are the last, among them: declare fewer of these, or add some before them";
            return error(problem, help.into());
        }
        if shape.len() > 1 {
            let problem = "an observation with axes has no privileged components".into();
            return error(problem, "remove OBSERVATION_SHAPE: what the policy sees does not have this shape".into());
        }
        Ok(count)
    }

    /// The actions that the constants declare.
    fn actions(&self) -> Result<Actions> {
        let array = |name: &str| reflect::constant_array(self.module, name);
        let (single, counts, low, high) = (reflect::constant(self.module, "ACTIONS"), array("ACTION_COUNTS"), array("ACTION_LOW"), array("ACTION_HIGH"));
        // Constants without a type are not in the module.
        let in_module = |name: &str| self.module.constants.iter().any(|(_, constant)| constant.name.as_deref() == Some(name));
        let untyped = |name: &&str| !in_module(name) && self.file.line_of_declaration("const", name).is_some();
        if let Some(name) = ["ACTIONS", "ACTION_COUNTS", "ACTION_LOW", "ACTION_HIGH"].into_iter().find(untyped) {
            let help = format!("write the types of numbers (3u, 1.0f); {KINDS_OF_ACTIONS}");
            return Err(self.error(&format!("const {name}"), format!("`{name}` has no type"), help));
        }
        let whole = |value: f64| value.fract() == 0.0 && value >= 1.0;
        match (single, counts, low, high) {
            (Some(count), None, None, None) if whole(count) => Ok(Actions::Discrete(count as usize)),
            (None, Some(counts), None, None) if counts.iter().all(|&count| whole(count)) => {
                Ok(Actions::MultiDiscrete(counts.iter().map(|&count| count as usize).collect()))
            }
            (None, None, Some(low), Some(high)) => {
                if low.len() != high.len() {
                    return Err(self.error(
                        "const ACTION_HIGH",
                        format!("{} lower and {} upper bounds", low.len(), high.len()),
                        "as many of one as of the other",
                    ));
                }
                if let Some(d) = (0..low.len()).find(|&d| low[d].partial_cmp(&high[d]) != Some(std::cmp::Ordering::Less)) {
                    let problem = format!("dimension {d} of the action lies between {} and {}", low[d], high[d]);
                    return Err(self.error("const ACTION_LOW", problem, "the lower bound must be less than the upper one"));
                }
                let single = |bounds: Vec<f64>| bounds.into_iter().map(|bound| bound as f32).collect();
                Ok(Actions::Continuous { low: single(low), high: single(high) })
            }
            (None, None, None, None) if !["ACTIONS", "ACTION_COUNTS", "ACTION_LOW", "ACTION_HIGH"].into_iter().any(in_module) => {
                Err(self.error("", "nothing says what an action is", self.file.declare("ACTIONS").unwrap_or_default()))
            }
            _ => Err(self.error("const ACTION", "the declarations of actions contradict each other, or are not numbers from 1 on", KINDS_OF_ACTIONS)),
        }
    }

    /// Refuses loops whose form alone says that they have no end. Drivers remove such a loop or wait for it forever, so that trying it tells nothing.
    fn loops_end(&self) -> Result<()> {
        let Some((why, span)) = endless(self.module) else { return Ok(()) };
        let line = span.to_range().and_then(|range| Some(self.file.source.get(..range.start)?.matches('\n').count() + 1));
        let (problem, help) = match why {
            Endless::NoExit => ("this loop never ends", "write a condition that becomes false, or a `break`"),
            Endless::NoChange => ("nothing changes in this loop: it ends in its first round, or never", "change in it what its condition depends on"),
        };
        Err(self.file.error(line, problem.into(), help.into()))
    }

    /// Refuses arguments that point to a part of a variable: translators of WGSL cannot pass them on.
    fn points_to_variables(&self) -> Result<()> {
        for (_, function) in self.module.functions.iter() {
            for statement in statements(&function.body) {
                let Statement::Call { arguments, .. } = statement else { continue };
                let to_part = |argument: &Handle<Expression>| {
                    let is_part = matches!(function.expressions[*argument], Expression::Access { .. } | Expression::AccessIndex { .. });
                    is_part && is_pointer(self.module, function, *argument)
                };
                if let Some(argument) = arguments.iter().find(|argument| to_part(argument)) {
                    let line = function
                        .expressions
                        .get_span(*argument)
                        .to_range()
                        .and_then(|range| Some(self.file.source.get(..range.start)?.matches('\n').count() + 1));
                    let help =
                        "copy the part to a variable, pass on &variable, and copy it back: var part = (*state).part; change(&part); (*state).part = part;";
                    return Err(self.file.error(line, "an argument points to a part of a variable".into(), help.into()));
                }
            }
        }
        Ok(())
    }

    /// Refuses fields that cannot be stored in memory between steps.
    fn stored_state(&self) -> Result<Layout> {
        fn has_bool(module: &Module, ty: Handle<Type>) -> bool {
            match &module.types[ty].inner {
                TypeInner::Scalar(scalar) | TypeInner::Vector { scalar, .. } => scalar.kind == ScalarKind::Bool,
                TypeInner::Array { base, .. } => has_bool(module, *base),
                TypeInner::Struct { members, .. } => members.iter().any(|member| has_bool(module, member.ty)),
                _ => false,
            }
        }
        if let Some(layout) = reflect::layout(self.module, "EnvState") {
            return Ok(layout);
        }
        let state = self.module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("EnvState"));
        let Some(TypeInner::Struct { members, .. }) = state.map(|(_, ty)| &ty.inner) else { unreachable!("a structure of that name was found") };
        let error = match members.iter().find(|member| has_bool(self.module, member.ty)) {
            Some(member) => {
                let name = member.name.clone().unwrap_or_default();
                self.error(&format!("{name}:"), format!("`{name}` of `EnvState` is a bool, which cannot be stored"), "make it a u32 that is 0 or 1")
            }
            None => self.error(
                "struct EnvState",
                "`EnvState` holds what cannot be stored",
                "use f32, u32, i32, and vectors, matrices, arrays and structures of them",
            ),
        };
        Err(error)
    }

    /// Parameters and their standard values.
    fn parameters(&self) -> Result<Vec<Parameter>> {
        let Some((_, ty)) = self.module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("EnvParameters")) else { return Ok(Vec::new()) };
        let TypeInner::Struct { members, .. } = &ty.inner else { return Ok(Vec::new()) };
        let at = "const DEFAULT_PARAMETERS";
        let values = reflect::constant_array(self.module, "DEFAULT_PARAMETERS")
            .ok_or_else(|| self.error(at, "the standard values of the parameters are not plain numbers", "write EnvParameters(1.0, 2u, ...)"))?;
        members
            .iter()
            .zip(values)
            .map(|(member, default)| {
                let name = member.name.clone().unwrap_or_default();
                let whole = match self.type_name(member.ty).as_str() {
                    "f32" => false,
                    "u32" => true,
                    other => {
                        return Err(self.error(&format!("{name}:"), format!("the parameter `{name}` is a {other}"), "parameters are f32 or u32"));
                    }
                };
                if name == environment::TIME_LIMIT {
                    return Err(self.error(
                        &format!("{name}:"),
                        "every environment has a parameter `time_limit` already",
                        "remove it: TIME_LIMIT is its default",
                    ));
                }
                let range = if whole { [0.0, f64::from(u32::MAX)] } else { [f64::from(f32::MIN), f64::from(f32::MAX)] };
                let read = self.file.reads_parameter(&name);
                Ok(Parameter { name, whole, default, range, read })
            })
            .collect()
    }

    /// Like [`function`](Self::function), of one whose first argument is the state, as a value or, which is added to `by_pointer`, by pointer.
    fn reader(&self, reader: StateReader, more: &[&str], result: &str, required: bool, by_pointer: &mut Vec<StateReader>) -> Result<bool> {
        let declared = self.named(reader.name()).and_then(|function| Some(self.type_name(function.arguments.first()?.ty)));
        let pointer = "ptr<function, EnvState>";
        let takes_pointer = declared.as_deref() == Some(pointer);
        if takes_pointer {
            by_pointer.push(reader);
        }
        self.function(reader.name(), &[&[if takes_pointer { pointer } else { "EnvState" }], more].concat(), result, required)
    }

    /// Refuses a function that is given a pointer to the state to read it, and changes it.
    fn leaves_the_state(&self, name: &str) -> Result<()> {
        if self.named(name).is_some_and(|function| stores_to(self.module, function, 0)) {
            let help = "only env_step changes the state; copy what is to be changed: var copy = *state;";
            return Err(self.error(&format!("fn {name}"), format!("`{name}` changes the state"), help));
        }
        Ok(())
    }

    fn named(&self, name: &str) -> Option<&Function> {
        self.module.functions.iter().map(|(_, function)| function).find(|function| function.name.as_deref() == Some(name))
    }

    /// Whether there is a function of this name; checks its arguments and result if so.
    fn function(&self, name: &str, arguments: &[&str], result: &str, required: bool) -> Result<bool> {
        let signature = format!("fn {name}({}) -> {result}", arguments.join(", "));
        let at = format!("fn {name}");
        let Some(function) = self.named(name) else {
            if required {
                return Err(self.error("", format!("there is no function `{name}`"), format!("write {signature}{}", self.file.alike("fn", name))));
            }
            return Ok(false);
        };
        let found: Vec<String> = function.arguments.iter().map(|argument| self.type_name(argument.ty)).collect();
        let returned = function.result.as_ref().map_or("nothing".into(), |result| self.type_name(result.ty));
        if found != arguments {
            return Err(self.error(&at, format!("`{name}` takes ({})", found.join(", ")), format!("it is called as {signature}")));
        }
        if returned != result {
            return Err(self.error(&at, format!("`{name}` returns {returned} instead of {result}"), format!("it is called as {signature}")));
        }
        Ok(true)
    }

    /// A type in WGSL syntax.
    fn type_name(&self, ty: Handle<Type>) -> String {
        let ty = &self.module.types[ty];
        let scalar = |scalar: &naga::Scalar| match (scalar.kind, scalar.width) {
            (ScalarKind::Float, 4) => "f32",
            (ScalarKind::Uint, 4) => "u32",
            (ScalarKind::Sint, 4) => "i32",
            (ScalarKind::Bool, _) => "bool",
            _ => "number",
        };
        match &ty.inner {
            _ if ty.name.is_some() => ty.name.clone().unwrap_or_default(),
            TypeInner::Scalar(kind) => scalar(kind).into(),
            TypeInner::Vector { size, scalar: kind } => format!("vec{}<{}>", *size as u8, scalar(kind)),
            TypeInner::Array { base, size: naga::ArraySize::Constant(count), .. } => format!("array<{}, {count}>", self.type_name(*base)),
            TypeInner::Pointer { base, space: naga::AddressSpace::Function } => format!("ptr<function, {}>", self.type_name(*base)),
            other => format!("{other:?}"),
        }
    }
}
