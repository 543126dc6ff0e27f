//! The rules: a board, a snake, something to eat. Nothing here knows a terminal or a clock.

use std::collections::VecDeque;
use user::random::Random;

pub const WIDTH: i32 = 24;
pub const HEIGHT: i32 = 12;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Up,
    Down,
    Left,
    Right,
}

impl Direction {
    fn step(self) -> (i32, i32) {
        match self {
            Direction::Up => (0, -1),
            Direction::Down => (0, 1),
            Direction::Left => (-1, 0),
            Direction::Right => (1, 0),
        }
    }
}

/// A square: column and row, from the top left corner on.
pub type Square = (i32, i32);

/// What is to be seen on a square.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    Nothing,
    Head,
    Body,
    Food,
}

pub struct Game {
    /// The head comes first.
    snake: VecDeque<Square>,
    direction: Direction,
    food: Option<Square>,
    random: Random,
    pub score: u32,
    pub turns: u32,
    pub over: bool,
}

impl Game {
    /// The same seed brings the same food to the same places.
    pub fn new(seed: u64) -> Game {
        let middle = (WIDTH / 2, HEIGHT / 2);
        let snake = (0..3).map(|back| (middle.0 - back, middle.1)).collect();
        let mut game = Game { snake, direction: Direction::Right, food: None, random: Random::new(seed), score: 0, turns: 0, over: false };
        game.place_food();
        game
    }

    /// On some free square; nowhere when the snake fills the board.
    fn place_food(&mut self) {
        let squares = (0..HEIGHT).flat_map(|row| (0..WIDTH).map(move |column| (column, row)));
        let free: Vec<Square> = squares.filter(|square| !self.snake.contains(square)).collect();
        self.food = (!free.is_empty()).then(|| self.random.pick(&free));
    }

    /// Turns the head. It can't turn right back.
    pub fn turn(&mut self, direction: Direction) {
        let (now, wanted) = (self.direction.step(), direction.step());
        if (now.0 + wanted.0, now.1 + wanted.1) != (0, 0) {
            self.direction = direction;
        }
    }

    /// One move ahead.
    pub fn advance(&mut self) {
        let Some(&(column, row)) = self.snake.front().filter(|_| !self.over) else { return };
        let (right, down) = self.direction.step();
        let head = (column + right, row + down);
        self.turns += 1;
        let eats = Some(head) == self.food;
        // The tail moves out of the way, unless the snake grows.
        let body = self.snake.len() - usize::from(!eats);
        let inside = (0..WIDTH).contains(&head.0) && (0..HEIGHT).contains(&head.1);
        if !inside || self.snake.iter().take(body).any(|&square| square == head) {
            self.over = true;
            return;
        }
        self.snake.truncate(body);
        self.snake.push_front(head);
        if eats {
            self.score += 1;
            self.place_food();
            self.over = self.food.is_none();
        }
    }

    pub fn content(&self, square: Square) -> Content {
        if self.snake.front() == Some(&square) {
            Content::Head
        } else if self.snake.contains(&square) {
            Content::Body
        } else if self.food == Some(square) {
            Content::Food
        } else {
            Content::Nothing
        }
    }

    /// How long a turn takes, in milliseconds: less with each meal.
    pub fn pace(&self) -> u64 {
        220 - u64::from(self.score.min(28)) * 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_food(food: Square) -> Game {
        Game { food: Some(food), ..Game::new(1) }
    }

    #[test]
    fn goes_straight_into_the_wall() {
        let mut game = with_food((0, 0));
        (0..WIDTH).for_each(|_| game.advance());
        assert!(game.over);
        assert_eq!((game.score, game.turns), (0, (WIDTH / 2) as u32));
    }

    #[test]
    fn grows_where_it_eats() {
        let mut game = with_food((WIDTH / 2 + 1, HEIGHT / 2));
        game.advance();
        assert_eq!((game.score, game.snake.len(), game.over), (1, 4, false));
        assert_ne!(game.food, Some((WIDTH / 2 + 1, HEIGHT / 2)));
        assert!(game.pace() < Game::new(1).pace());
    }

    #[test]
    fn does_not_turn_back() {
        let mut game = with_food((0, 0));
        game.turn(Direction::Left);
        game.advance();
        assert_eq!(game.snake.front(), Some(&(WIDTH / 2 + 1, HEIGHT / 2)));
        game.turn(Direction::Up);
        game.advance();
        assert_eq!(game.content((WIDTH / 2 + 1, HEIGHT / 2 - 1)), Content::Head);
    }

    #[test]
    fn bites_itself_but_not_its_leaving_tail() {
        let ring: VecDeque<Square> = [(5, 5), (5, 6), (6, 6), (6, 5)].into();
        let mut game = Game { snake: ring.clone(), direction: Direction::Up, ..with_food((0, 0)) };
        game.turn(Direction::Right);
        game.advance();
        assert!(!game.over, "the tail has left");
        let mut longer = ring;
        longer.push_back((7, 5));
        let mut game = Game { snake: longer, direction: Direction::Up, ..with_food((0, 0)) };
        game.turn(Direction::Right);
        game.advance();
        assert!(game.over);
    }

    #[test]
    fn a_seed_decides_the_places() {
        let (first, second) = (Game::new(7), Game::new(7));
        assert_eq!(first.food, second.food);
        assert!((0..20).any(|seed| Game::new(seed).food != first.food));
    }
}
