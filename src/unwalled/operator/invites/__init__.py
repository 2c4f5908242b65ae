"""The book of invites, what each of them may use, and sheets to hand them out."""
