//! termios: structs of this family that cross the system-call boundary.
