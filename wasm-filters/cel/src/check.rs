//! What has no meaning, whatever the resource is: comparisons of values whose types never meet, and
//! texts without quotes that happen to be the names of types.
//!
//! CEL gives such a comparison the same answer for every resource and says nothing, so that the rule
//! would select nothing, or everything. Nothing is said against a value whose type is not known, and
//! `dyn(...)` makes any value one.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};

use crate::names;
use crate::places::Fault;
use crate::shown::shown;
use crate::types::Type;

/// What `target.scope` can be.
const SCOPES: [&str; 3] = ["namespace", "all-namespaces", "cluster"];

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
            Expr::Ident(name) if self.names_type(part) => Err(Fault::new(
                part,
                format!("\"{name}\" is the name of a type; what is meant as text stands in quotes: '{name}'"),
            )),
            Expr::Ident(name) => Ok(self.variable(name).unwrap_or_else(|| Type::of_value(name))),
            Expr::Select(select) => {
                let operand = self.of(&select.operand)?;
                Ok(if select.test { Type::Bool } else { operand.field(&select.field) })
            }
            Expr::List(list) => {
                let types = list.elements.iter().map(|element| self.of(element));
                let common = types.reduce(|one, other| Ok(one?.or(other?))).unwrap_or(Ok(Type::Dynamic));
                common.map(|of| Type::List(Box::new(of)))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.of(&entry.key)?;
                        self.of(&entry.value)?;
                    }
                }
                Ok(Type::Map)
            }
            Expr::Call(call) => self.call(call),
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

    fn comprehension(&mut self, of: &'a ComprehensionExpr) -> Result<Type, Fault> {
        let each = self.of(&of.iter_range)?.each();
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

    fn call(&mut self, call: &'a CallExpr) -> Result<Type, Fault> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.boolean(condition)?;
                Ok(self.of(yes)?.or(self.of(no)?))
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
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
            (function, arguments) => {
                let arguments = call.target.as_deref().into_iter().chain(arguments);
                let types: Vec<_> = arguments.map(|argument| self.of(argument)).collect::<Result<_, _>>()?;
                Ok(Type::result(function, &types))
            }
        }
    }

    fn boolean(&mut self, part: &'a IdedExpr) -> Result<Type, Fault> {
        let of = self.of(part)?;
        if of.fits(&Type::Bool) {
            return Ok(Type::Bool);
        }
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

    fn equality(&mut self, left: &'a IdedExpr, operator: &str, right: &'a IdedExpr) -> Result<Type, Fault> {
        let sides = [left, right];
        if sides.iter().all(|side| self.names_type(side) || is_type_call(side)) {
            for side in sides.into_iter().filter(|side| is_type_call(side)) {
                self.of(side)?;
            }
            return Ok(Type::Bool);
        }
        let (a, b) = (self.left(left, operator, right)?, self.of(right)?);
        match self.never_equal((left, &a), operator, (right, &b)) {
            Some(message) => Err(Fault::from_start(left, message)),
            None => Ok(Type::Bool),
        }
    }

    fn order(&mut self, left: &'a IdedExpr, operator: &str, right: &'a IdedExpr) -> Result<Type, Fault> {
        let (a, b) = (self.left(left, operator, right)?, self.of(right)?);
        let symbol = symbol(operator);
        for (side, of, name) in [(left, &a, "the left side"), (right, &b, "the right side")] {
            if !of.has_order() {
                let remedy = match of {
                    Type::List(_) => format!("; how many it has is size({})", short(side)),
                    _ => String::new(),
                };
                let side_is = named(side, name, of);
                let message = format!("{side_is}, and {symbol} compares numbers or strings{remedy}");
                return Err(Fault::from_start(side, message));
            }
        }
        if a.fits(&b) {
            return Ok(Type::Bool);
        }
        let sides = both((left, &a), (right, &b));
        Err(Fault::from_start(left, format!("{sides}: {symbol} compares what is of one type")))
    }

    fn membership(&mut self, left: &'a IdedExpr, right: &'a IdedExpr) -> Result<Type, Fault> {
        let a = self.left(left, operators::IN, right)?;
        if let Expr::List(list) = &right.expr {
            for element in &list.elements {
                if is_type_call(left) && self.names_type(element) {
                    continue;
                }
                let b = self.of(element)?;
                if let Some(message) = self.never_equal((left, &a), operators::IN, (element, &b)) {
                    return Err(Fault::from_start(element, message));
                }
            }
            return Ok(Type::Bool);
        }
        let b = self.of(right)?;
        let right_is = named(right, "the right side", &b);
        let message = match &b {
            Type::Dynamic | Type::Map | Type::Resource | Type::Target => return Ok(Type::Bool),
            Type::List(of) if a.fits(of) => return Ok(Type::Bool),
            Type::List(of) => format!(
                "{}, and {} has only {}s: it is never in there{}",
                named(left, "the left side", &a),
                shown(right).unwrap_or_else(|| String::from("the list on the right")),
                of.noun(),
                quotes(left, &a, of)
            ),
            Type::Text if text(left).is_some() && text(right).is_none() => format!(
                "{right_is}, and in needs a list; a part of a text is asked for with {}.contains({})",
                short(right),
                short(left)
            ),
            Type::Text => {
                format!("{right_is}, and in needs a list: {} in [{}]", short(left), short(right))
            }
            _ => format!("{right_is}, and in needs a list"),
        };
        Err(Fault::from_start(left, message))
    }

    /// The type of a comparison's left side, where `!` may stand that was meant for the whole.
    fn left(&mut self, left: &'a IdedExpr, operator: &str, right: &'a IdedExpr) -> Result<Type, Fault> {
        let Expr::Call(CallExpr { func_name, args, .. }) = &left.expr else {
            return self.of(left);
        };
        let (operators::LOGICAL_NOT, [operand]) = (func_name.as_str(), args.as_slice()) else {
            return self.of(left);
        };
        let of = self.of(operand)?;
        if of.fits(&Type::Bool) {
            return Ok(Type::Bool);
        }
        let operand_is = named(operand, "what follows", &of);
        let meant = format!("!({} {} {})", short(operand), symbol(operator), short(right));
        Err(Fault::new(left, format!("! is for what follows alone, and {operand_is}; write {meant}")))
    }

    /// Why two values cannot be equal.
    fn never_equal(
        &self,
        (left, a): (&IdedExpr, &Type),
        operator: &str,
        (right, b): (&IdedExpr, &Type),
    ) -> Option<String> {
        for (scope, other) in [(left, right), (right, left)] {
            if self.is_scope(scope)
                && let Some(text) = text(other)
                && !SCOPES.contains(&text)
            {
                let [one, two, three] = SCOPES;
                return Some(format!(
                    "{} is never {}; it is '{one}', '{two}' or '{three}'",
                    short(scope),
                    short(other)
                ));
            }
        }
        if a.fits(b) {
            return None;
        }
        let membership = |element, list| {
            let asked = format!("{} in {}", short(element), short(list));
            let asked = if operator == operators::NOT_EQUALS { format!("!({asked})") } else { asked };
            format!("; what a list has is asked with in: {asked}")
        };
        let remedy = match (a, b) {
            (Type::Bool, _) | (_, Type::Bool) => {
                String::from("; a boolean is compared with true or false, or stands alone")
            }
            (Type::Text, Type::List(_)) => membership(left, right),
            (Type::List(_), Type::Text) => membership(right, left),
            (Type::Text, Type::Null) | (Type::Null, Type::Text) => String::from("; an empty text is ''"),
            (Type::List(_), Type::Null) | (Type::Null, Type::List(_)) => {
                String::from("; an empty list is []")
            }
            (Type::Meta, Type::Text) | (Type::Text, Type::Meta) => {
                String::from("; the name of a type stands without quotes")
            }
            _ => quotes(left, a, b) + &quotes(right, b, a),
        };
        Some(format!("{}: they are never equal{remedy}", both((left, a), (right, b))))
    }

    fn is_scope(&self, part: &IdedExpr) -> bool {
        let Expr::Select(select) = &part.expr else { return false };
        let Expr::Ident(name) = &select.operand.expr else { return false };
        let of = self.variable(name).unwrap_or_else(|| Type::of_value(name));
        of == Type::Target && select.field == "scope"
    }
}

fn is_type_call(part: &IdedExpr) -> bool {
    matches!(&part.expr, Expr::Call(call) if call.func_name == "type")
}

/// The text that a part is.
fn text(part: &IdedExpr) -> Option<&str> {
    match &part.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
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
