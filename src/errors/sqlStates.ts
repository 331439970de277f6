/**
 * SQLSTATEs by name. The first group is raised by this project's SQL; five capitals or digits that collide with no
 * class of Postgres. The rest are Postgres' own: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export const UNAUTHENTICATED = "UNAUT";
export const DENIED = "DENYD";
export const NOT_FOUND = "NTFND";
export const CONFLICT = "CNFLT";
export const APPOINTMENT_OVERLAP = "OVRLP";
export const BAD_INPUT = "BADIN";
export const INVALID_CREDENTIALS = "LOGIN";
export const REFRESH_TOKEN_REUSED = "REUSE";
export const EXPIRED = "EXPRD";
export const TAKEN = "TAKEN";
export const SEAT_LIMIT = "SEATS";
export const IDEMPOTENCY_CONFLICT = "IDEMP";
export const TOO_MANY_ATTEMPTS = "LIMIT";

export const FEATURE_NOT_SUPPORTED = "0A000";
export const INVALID_SQL_STATEMENT_NAME = "26000";
export const RESTRICT_VIOLATION = "23001";
export const NOT_NULL_VIOLATION = "23502";
export const FOREIGN_KEY_VIOLATION = "23503";
export const UNIQUE_VIOLATION = "23505";
export const CHECK_VIOLATION = "23514";
export const EXCLUSION_VIOLATION = "23P01";
export const SERIALIZATION_FAILURE = "40001";
export const DEADLOCK_DETECTED = "40P01";
export const INSUFFICIENT_PRIVILEGE = "42501";
export const TOO_MANY_CONNECTIONS = "53300";
export const LOCK_NOT_AVAILABLE = "55P03";
export const QUERY_CANCELED = "57014";
export const IDLE_IN_TRANSACTION_TIMEOUT = "25P03";
export const READ_ONLY_SQL_TRANSACTION = "25006";
export const OBJECT_NOT_IN_PREREQUISITE_STATE = "55000";

/** Classes (the first two characters) that are mapped as a whole. */
export const CONNECTION_EXCEPTION_CLASS = "08";
export const DATA_EXCEPTION_CLASS = "22";
/** Server shutting down, crashed or starting: 57P01, 57P02, 57P03 and their like. */
export const OPERATOR_INTERVENTION_PREFIX = "57P";
