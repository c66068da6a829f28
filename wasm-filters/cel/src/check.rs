//! What has no meaning, whatever the resource is: comparisons of values whose types never meet, or of
//! nothing but literals (`check/comparisons.rs`), what is done with values that are not made for it (`check/uses.rs`), and
//! texts without quotes that happen to be the names of types.
//!
//! CEL gives such a comparison the same answer for every resource and says nothing, so that the rule
//! would select nothing, or everything; and the rest fails with every resource that it gets to.
//! Nothing is said against a value whose type is not known, and `dyn(...)` makes any value one.

mod comparisons;
mod uses;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, operators};

use crate::names::{self, text};
use crate::places::Fault;
use crate::shown::shown;
use crate::types::Type;

/// Refuses an expression that is not true or false, or that has a part without a meaning.
pub(crate) fn check(expression: &IdedExpr) -> Result<(), Fault> {
    Scope { variables: Vec::new() }.boolean(expression).map(|_| ())
}

/// What is known of the variables at some place in the expression.
struct Scope<'a> {
    variables: Vec<(&'a str, Type)>,
}

impl<'a> Scope<'a> {
    fn of(&mut self, part: &'a IdedExpr) -> Result<Type, Fault> {
        match &part.expr {
            Expr::Unspecified | Expr::Struct(_) => Ok(Type::Dynamic),
            Expr::Literal(literal) => Ok(Type::of_literal(literal)),
            Expr::Ident(_) if self.names_type(part) => Ok(Type::Meta),
            Expr::Ident(name) => Ok(self.variable(name).unwrap_or_else(|| Type::of_value(name))),
            Expr::Select(select) => {
                let operand = self.of(&select.operand)?;
                let field = self.field(part, (&select.operand, &operand), &select.field)?;
                Ok(if select.test { Type::Bool } else { field })
            }
            Expr::List(list) => {
                let types = list.elements.iter().map(|element| self.of(element));
                let common = types.reduce(|one, other| Ok(one?.or(other?))).unwrap_or(Ok(Type::Dynamic));
                common.map(|of| Type::List(Box::new(of)))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.key(&entry.key)?;
                        self.of(&entry.value)?;
                    }
                }
                Ok(Type::Map)
            }
            Expr::Call(call) => self.call(part, call),
            Expr::Comprehension(of) => self.comprehension(of),
        }
    }

    fn variable(&self, name: &str) -> Option<Type> {
        self.variables.iter().rev().find(|(variable, _)| *variable == name).map(|(_, of)| of.clone())
    }

    fn names_type(&self, part: &IdedExpr) -> bool {
        let Expr::Ident(name) = &part.expr else { return false };
        names::TYPES.contains(&name.as_str()) && self.variable(name).is_none()
    }

    /// Refuses the bare name of a type, where there can be no type: it was meant as text.
    fn no_type_name(&self, part: &IdedExpr) -> Result<(), Fault> {
        match &part.expr {
            Expr::Ident(name) if self.names_type(part) => Err(Fault::new(
                part,
                format!("\"{name}\" is the name of a type; what is meant as text stands in quotes: '{name}'"),
            )),
            _ => Ok(()),
        }
    }

    fn comprehension(&mut self, of: &'a ComprehensionExpr) -> Result<Type, Fault> {
        let each = self.each(&of.iter_range)?;
        let result = self.of(&of.accu_init)?;
        let outside = self.variables.len();
        self.variables.push((&of.accu_var, result));
        self.variables.push((&of.iter_var, each));
        self.of(&of.loop_cond)?;
        self.of(&of.loop_step)?;
        self.variables.truncate(outside + 1);
        let result = self.of(&of.result)?;
        self.variables.truncate(outside);
        Ok(result)
    }

    fn call(&mut self, part: &'a IdedExpr, call: &'a CallExpr) -> Result<Type, Fault> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.boolean(condition)?;
                Ok(self.of(yes)?.or(self.of(no)?))
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
                self.asked_for(part, &call.func_name)?;
                self.boolean(left)?;
                self.boolean(right)
            }
            (operators::LOGICAL_NOT, [operand]) => self.boolean(operand),
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
                self.equality(left, &call.func_name, right)
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                [left, right],
            ) => self.order(left, &call.func_name, right),
            (operators::IN, [left, right]) => self.membership(left, right),
            (operators::INDEX, [operand, key]) => self.index(operand, key),
            (function, arguments) => {
                let parts: Vec<_> = call.target.as_deref().into_iter().chain(arguments).collect();
                let types: Vec<_> = parts.iter().map(|part| self.of(part)).collect::<Result<_, _>>()?;
                self.taken(part, call, &parts, &types)?;
                Ok(Type::result(function, &types))
            }
        }
    }

    fn boolean(&mut self, part: &'a IdedExpr) -> Result<Type, Fault> {
        let of = self.of(part)?;
        if of.fits(&Type::Bool) {
            return Ok(Type::Bool);
        }
        self.no_type_name(part)?;
        let remedy = match (&of, text(part)) {
            (_, Some(_)) => {
                String::from("; several texts are asked for with in, as in resource.name in ['a', 'b']")
            }
            (Type::Text, None) => format!("; a string is compared, as in {} == 'a'", short(part)),
            (Type::Number, _) => format!("; a number is compared, as in {} > 0", short(part)),
            (Type::List(_), _) => format!("; what a list has is asked with in, as in 'a' in {}", short(part)),
            _ => String::new(),
        };
        let part_is = named(part, "this", &of);
        Err(Fault::from_start(part, format!("{part_is}, where true or false is needed{remedy}")))
    }
}

/// `in` for `@in`, `==` for `_==_`.
fn symbol(operator: &str) -> &str {
    operator.trim_matches(['_', '@'])
}

fn short(part: &IdedExpr) -> String {
    shown(part).unwrap_or_else(|| String::from("..."))
}

/// `resource.name is a string`, with another name for what is long.
fn named(part: &IdedExpr, otherwise: &str, of: &Type) -> String {
    format!("{} is {}", shown(part).as_deref().unwrap_or(otherwise), of.one())
}

/// `resource.name is a string and 3 a number`
fn both((left, a): (&IdedExpr, &Type), (right, b): (&IdedExpr, &Type)) -> String {
    let right = shown(right).unwrap_or_else(|| String::from("the right side"));
    format!("{} and {right} {}", named(left, "the left side", a), b.one())
}

/// What to do with a number that is compared with a text.
fn quotes(part: &IdedExpr, of: &Type, other: &Type) -> String {
    match (&part.expr, of, other, shown(part)) {
        (Expr::Literal(_), Type::Number, Type::Text, Some(number)) => {
            format!("; what is meant as text stands in quotes: '{number}'")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
