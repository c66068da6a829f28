//! Comparisons, with `==`, `<`, `in` and their like, of what never meets, or always.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, operators};

use super::uses::one_of;
use super::{Scope, both, named, quotes, short, symbol, text};
use crate::functions::KEY;
use crate::names::{self, SCOPES, member};
use crate::places::Fault;
use crate::shown::shown;
use crate::types::Type;

impl<'a> Scope<'a> {
    pub(super) fn equality(
        &mut self,
        left: &'a IdedExpr,
        operator: &str,
        right: &'a IdedExpr,
    ) -> Result<Type, Fault> {
        let (a, b) = (self.left(left, operator, right)?, self.of(right)?);
        self.elements(left, (right, &b))?;
        self.elements(right, (left, &a))?;
        match self.never_equal((left, &a), operator, (right, &b))? {
            Some(message) => Err(Fault::from_start(left, message)),
            None => of_literals(left, operator, right),
        }
    }

    /// Refuses elements of a list as it is written that another list never has. Only what shows at
    /// a glance: their types have been asked for already.
    fn elements(&self, written: &IdedExpr, (other, of): (&IdedExpr, &Type)) -> Result<(), Fault> {
        let (Expr::List(list), Type::List(of)) = (&written.expr, of) else { return Ok(()) };
        for element in &list.elements {
            let each = match &element.expr {
                Expr::Literal(literal) => Type::of_literal(literal),
                _ if self.names_type(element) => Type::Meta,
                _ => continue,
            };
            if !each.fits(of) {
                self.no_type_name(element)?;
                let element_is = named(element, "this", &each);
                let other = shown(other).unwrap_or_else(|| String::from("the other list"));
                let remedy = quotes(element, &each, of);
                return Err(Fault::from_start(
                    element,
                    format!(
                        "{element_is}, and {other} has only {}s: they are never equal{remedy}",
                        of.noun()
                    ),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn order(
        &mut self,
        left: &'a IdedExpr,
        operator: &str,
        right: &'a IdedExpr,
    ) -> Result<Type, Fault> {
        let (a, b) = (self.left(left, operator, right)?, self.of(right)?);
        let symbol = symbol(operator);
        for (side, of, name) in [(left, &a, "the left side"), (right, &b, "the right side")] {
            if !of.has_order() {
                self.no_type_name(side)?;
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
            return of_literals(left, operator, right);
        }
        let sides = both((left, &a), (right, &b));
        Err(Fault::from_start(left, format!("{sides}: {symbol} compares what is of one type")))
    }

    pub(super) fn membership(&mut self, left: &'a IdedExpr, right: &'a IdedExpr) -> Result<Type, Fault> {
        let a = self.left(left, operators::IN, right)?;
        if let Expr::List(list) = &right.expr {
            self.texts_in_list(left, &a, &list.elements)?;
            for element in &list.elements {
                let b = self.of(element)?;
                if let Some(message) = self.never_equal((left, &a), operators::IN, (element, &b))? {
                    return Err(Fault::from_start(element, message));
                }
            }
            return of_literals(left, operators::IN, right);
        }
        let b = self.of(right)?;
        let (left_is, right_is) = (named(left, "the left side", &a), named(right, "the right side", &b));
        let message = match &b {
            Type::Dynamic => return Ok(Type::Bool),
            Type::Map if a.is_one_of(KEY) => return Ok(Type::Bool),
            Type::Map => format!("{left_is}, and a key of a map is {}", one_of(KEY)),
            Type::List(_) | Type::Resource | Type::Target if a.fits(&b.each()) => {
                return match text(left).map_or(Ok(()), |field| names::check_field(&b, field)) {
                    Ok(()) => Ok(Type::Bool),
                    Err(message) => Err(Fault::new(left, message)),
                };
            }
            Type::List(_) | Type::Resource | Type::Target => format!(
                "{left_is}, and {} has only {}s: it is never in there{}",
                shown(right).unwrap_or_else(|| String::from("the list on the right")),
                b.each().noun(),
                quotes(left, &a, &b.each())
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
        self.no_type_name(left)?;
        self.no_type_name(right)?;
        Err(Fault::from_start(left, message))
    }

    /// Refuses several texts that are asked for at once, with the list on the wrong side:
    /// `resource.verbs in ['list', 'watch']`.
    fn texts_in_list(&self, list: &IdedExpr, of: &Type, elements: &[IdedExpr]) -> Result<(), Fault> {
        let (Type::List(_), [first, _, ..]) = (of, elements) else { return Ok(()) };
        if !elements.iter().all(|element| text(element).is_some()) {
            return Ok(());
        }
        let sides = both((list, of), (first, &Type::Text));
        let asked: Vec<_> = elements.iter().map(short).collect();
        let remedy = by_themselves(&asked, list, "&&");
        Err(Fault::from_start(first, format!("{sides}: they are never equal{remedy}")))
    }

    /// Refuses a text beside a question of what a list has, to which it belongs:
    /// `'list' && 'watch' in resource.verbs`.
    pub(super) fn asked_for(&mut self, whole: &'a IdedExpr, operator: &str) -> Result<(), Fault> {
        let operands = operands(whole, operator);
        let Some(asked) = operands.iter().find(|operand| text(operand).is_some()) else { return Ok(()) };
        let of_list = operands.iter().find_map(|operand| match &operand.expr {
            Expr::Call(call) if call.func_name == operators::IN => match call.args.as_slice() {
                [other, list] if !matches!(list.expr, Expr::List(_)) => Some((other, list)),
                _ => None,
            },
            _ => None,
        });
        match of_list {
            Some((other, list)) if matches!(self.of(list)?, Type::List(_)) => {
                let remedy = by_themselves(&[short(asked), short(other)], list, symbol(operator));
                let asked_is = named(asked, "this", &Type::Text);
                Err(Fault::from_start(asked, format!("{asked_is}, where true or false is needed{remedy}")))
            }
            _ => Ok(()),
        }
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
    ) -> Result<Option<String>, Fault> {
        for (scope, other) in [(left, right), (right, left)] {
            if self.is_scope(scope)
                && let Some(text) = text(other)
                && !SCOPES.contains(&text)
            {
                let [one, two, three] = SCOPES;
                return Ok(Some(format!(
                    "{} is never {}; it is '{one}', '{two}' or '{three}'",
                    short(scope),
                    short(other)
                )));
            }
        }
        if a.fits(b) {
            return Ok(None);
        }
        self.no_type_name(left)?;
        self.no_type_name(right)?;
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
        Ok(Some(format!("{}: they are never equal{remedy}", both((left, a), (right, b)))))
    }

    fn is_scope(&self, part: &IdedExpr) -> bool {
        let Some((operand, "scope")) = member(part) else { return false };
        let Expr::Ident(name) = &operand.expr else { return false };
        self.variable(name).unwrap_or_else(|| Type::of_value(name)) == Type::Target
    }
}

/// Refuses a comparison of what is written with what is written.
fn of_literals(left: &IdedExpr, operator: &str, right: &IdedExpr) -> Result<Type, Fault> {
    let is_literal = |part: &IdedExpr| matches!(part.expr, Expr::Literal(_));
    let always = match &right.expr {
        Expr::List(list) if operator == operators::IN => list.elements.iter().all(is_literal),
        _ => is_literal(right),
    };
    if !(always && is_literal(left)) {
        return Ok(Type::Bool);
    }
    let hint = match [left, right].into_iter().find_map(|part| names::with_value(text(part)?)) {
        Some(field) => format!("did you mean {field}?"),
        None => String::from("a field is compared, as in resource.name == 'pods'"),
    };
    let comparison = format!("{} {} {}", short(left), symbol(operator), short(right));
    Err(Fault::from_start(left, format!("{comparison}: it is the same for every resource; {hint}")))
}

/// The parts that an operator such as `&&` stands between, however many there are.
fn operands<'a>(part: &'a IdedExpr, operator: &str) -> Vec<&'a IdedExpr> {
    let (mut found, mut open) = (Vec::new(), vec![part]);
    while let Some(part) = open.pop() {
        match &part.expr {
            Expr::Call(call) if call.func_name == operator => open.extend(call.args.iter().rev()),
            _ => found.push(part),
        }
    }
    found
}

/// How to ask for several texts, of which there may be many.
fn by_themselves(asked: &[String], list: &IdedExpr, operator: &str) -> String {
    let mut each: Vec<_> = asked.iter().map(|asked| format!("{asked} in {}", short(list))).collect();
    if each.len() > 3 {
        each.truncate(2);
        each.push(String::from("..."));
    }
    format!("; each is asked for by itself: {}", each.join(&format!(" {operator} ")))
}
