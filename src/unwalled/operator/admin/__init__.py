"""What the admin sees and does: the door, the page, and the API behind it."""
