import { gql } from "graphile-utils";

/** What the mutations of PasswordsPlugin take and answer. */
export const PASSWORD_TYPES = gql`
  """
  What logIn takes.
  """
  input LogInInput {
    """
    Comes back in the payload.
    """
    clientMutationId: String
    """
    The address of the account, in any case.
    """
    email: String!
    """
    The password of the account.
    """
    password: String!
    """
    What the person calls the device, to find the session by; at most 100 characters.
    """
    deviceName: String
  }

  """
  What logIn answers.
  """
  type LogInPayload {
    """
    What the input said.
    """
    clientMutationId: String
    """
    The root of all queries.
    """
    query: Query
    """
    The session that was opened.
    """
    result: SessionGrant
  }

  """
  What register takes.
  """
  input RegisterInput {
    """
    Comes back in the payload.
    """
    clientMutationId: String
    """
    What others see.
    """
    displayName: String
    """
    The address to sign in with.
    """
    email: String!
    """
    At least 12 characters.
    """
    password: String!
  }

  """
  What register answers.
  """
  type RegisterPayload {
    """
    What the input said.
    """
    clientMutationId: String
    """
    The root of all queries.
    """
    query: Query
    """
    True: a mail is on its way to the address. That is all there is to learn here.
    """
    result: Boolean
  }

  """
  What confirmRegistration takes.
  """
  input ConfirmRegistrationInput {
    """
    Comes back in the payload.
    """
    clientMutationId: String
    """
    What the mail's link ends with.
    """
    code: String!
    """
    The password that the account was asked for with: whoever asks for one with somebody else's address does not know its owner's.
    """
    password: String!
    """
    What the person calls the device, to find the session by; at most 100 characters.
    """
    deviceName: String
  }

  """
  What confirmRegistration answers.
  """
  type ConfirmRegistrationPayload {
    """
    What the input said.
    """
    clientMutationId: String
    """
    The root of all queries.
    """
    query: Query
    """
    The session that was opened.
    """
    result: SessionGrant
  }

  """
  What changePassword takes.
  """
  input ChangePasswordInput {
    """
    Comes back in the payload.
    """
    clientMutationId: String
    """
    The password of now.
    """
    currentPassword: String!
    """
    The password from now on: at least 12 characters.
    """
    newPassword: String!
  }

  """
  What changePassword answers.
  """
  type ChangePasswordPayload {
    """
    What the input said.
    """
    clientMutationId: String
    """
    The root of all queries.
    """
    query: Query
    """
    How many other sessions have ended by it.
    """
    result: Int
  }

  extend type Mutation {
    """
    Signs in with an e-mail address and a password. After ten failures within a quarter of an hour the account, and after
    fifty the network address, has to wait: TOO_MANY_REQUESTS.
    """
    logIn(input: LogInInput!): LogInPayload
    """
    Asks for an account with an e-mail address and a password of 12 characters or more. The account is made by
    confirmRegistration, with the code that is mailed to the address. The answer is the same for an address that has an
    account already, whose owner is told by mail.
    """
    register(input: RegisterInput!): RegisterPayload
    """
    Makes the account that was asked for with register and signs it in, by the code that was mailed to its address and the
    password. A code that is wrong, used or a day old is NOT_FOUND, and so is a password that is not the one.
    """
    confirmRegistration(input: ConfirmRegistrationInput!): ConfirmRegistrationPayload
    """
    Replaces the password of the person who is signed in, and ends all of their other sessions.
    """
    changePassword(input: ChangePasswordInput!): ChangePasswordPayload
  }
`;
